import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { bundleProgram } from '../../../../test/support/bundle-program.ts'
import type { Machine } from '../cli/wrap/set-up.ts'

/** How a run of the program ended. Its output is the number of its changes, and the numbers of its starts. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}

/** The change before which a run is killed, or from which on its disk is full. 0 lets it end by itself. */
export type KillAt = number | `full-${number}`

interface KilledProgram {
  /** A folder that is removed after the tests. */
  readonly folder: string
  /** Runs a verb on a machine. Programs of its folder `keyring/bin` are found first. */
  start(machine: Machine, at: KillAt, words: readonly string[], given?: Given): Promise<Ended>
}

interface Given {
  readonly env?: Readonly<Record<string, string>>
  /** The text at standard input. */
  readonly input?: string
}

/** Bundles the program before the tests of a file, to be killed at its changes of the file system. */
export function killedProgram(): KilledProgram {
  let folder = ''
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'procura-kill-'))
    await bundleProgram(fileURLToPath(new URL('killed-child.ts', import.meta.url)), join(folder, 'child.mjs'))
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  return {
    get folder() {
      return folder
    },
    start(machine, at, words, { env = {}, input = '' } = {}) {
      const path = `${join(machine.folder, 'keyring', 'bin')}:${process.env['PATH']}`
      const child = spawn(process.execPath, [join(folder, 'child.mjs'), String(at), ...words], {
        env: { ...process.env, ...machine.env, PATH: path, ...env },
      })
      child.stdin.on('error', () => undefined)
      child.stdin.end(input)
      let [out, err] = ['', '']
      child.stdout.on('data', (chunk) => (out += chunk))
      child.stderr.on('data', (chunk) => (err += chunk))
      return new Promise((done) => child.on('close', (code, signal) => done({ code, signal, out, err })))
    },
  }
}

/** The numbers of all changes of a run. */
export const changesOf = ({ out }: Ended): readonly number[] =>
  [...Array(Number.parseInt(out, 10)).keys()].map((at) => at + 1)

/** Some of the changes, at equal distances: the first one, the last one, and others between them. */
export const someOf = (changes: readonly number[], count: number): readonly number[] =>
  [...Array(count).keys()].map((at) => changes[Math.round((at * (changes.length - 1)) / (count - 1))] ?? 0)
