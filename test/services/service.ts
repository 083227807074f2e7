// node only: starts programs

/**
 * A requirement of a test of this folder that is not an npm package of this project: a server or a browser.
 *
 * To add one, write `NAME.service.ts` beside this file with `export const service: Service = { … }`. The runner finds
 * it.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A program that tests talk to. */
export interface Service {
  /** How it is called in reports. */
  readonly name: string
  /**
   * Its Debian packages, with spaces between them; `npm run test:services -- --packages` lists them. Absent when it
   * comes from elsewhere.
   */
  readonly apt?: string
  /** Its packages on PyPI with their versions, where Debian has none; `npm run test:services -- --pypi` lists them. */
  readonly pypi?: string
  /** Its name, version and address, where no registry has it. */
  readonly download?: string
  /** Test files of this folder that need it. */
  readonly tests: readonly string[]
  /** Returns where it is, or undefined when it is not on this machine. */
  find(): string | undefined
  /**
   * Starts it for the time of the tests. Absent when a test starts it by itself.
   *
   * @param found - what {@link Service.find} returned.
   * @param folder - an empty folder for its files, removed afterwards.
   */
  start?(found: string, folder: string): Promise<Running>
}

/** A service that runs. */
export interface Running {
  /** Variables through which the tests learn where it listens. */
  readonly environment: Readonly<Record<string, string>>
  /** Ends it; resolves when it has ended. */
  stop(): Promise<void>
}

/** Looks for a program in the folders of `PATH`, then at the paths given. */
export function findProgram(name: string, ...otherPaths: readonly string[]): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  return [...onPath, ...otherPaths].find(isExecutable)
}

/** Whether a service is not on this machine. Writes a message then; in CI, that is an error. */
export function isMissing(service: Service): boolean {
  if (service.find() !== undefined) return false
  const message = `not tested: ${service.name} is missing; ${howToGet(service)}`
  if (process.env['CI'] === 'true') throw new Error(message)
  process.stdout.write(`${message}\n`)
  return true
}

/** The command that installs a service. */
export function howToGet({ apt, pypi, download }: Service): string {
  if (apt !== undefined) return `apt-get install ${apt}`
  if (download !== undefined) return `install ${download}`
  return pypi === undefined ? 'npm ci' : `pip install ${pypi}, and put its programs on PATH`
}

/** How {@link launch} starts a program. */
export interface LaunchOptions {
  readonly arguments: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Rejects or returns false until the program answers. Asked every 50 ms, for 30 s. */
  isReady(): Promise<boolean>
}

/** Starts a program and waits until it answers. Rejects with its output when it ends before or never answers. */
export async function launch(program: string, options: LaunchOptions): Promise<{ stop(): Promise<void> }> {
  // A file, because nobody empties a pipe while the tests run, and a server that fills one stops.
  const folder = mkdtempSync(join(tmpdir(), 'procura-output-'))
  const file = join(folder, 'output')
  const handle = openSync(file, 'w')
  const child = spawn(program, options.arguments, {
    stdio: ['ignore', handle, handle],
    env: { ...process.env, ...options.environment },
    ...options.user,
  })
  closeSync(handle)
  let problem = ''
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      problem = error.message
      resolve()
    })
  })
  for (let attempt = 0; attempt < 600; attempt++) {
    if (hasEnded(child)) break
    if (await options.isReady().catch(() => false))
      return { stop: () => stop(child, ended).finally(() => rmSync(folder, { recursive: true, force: true })) }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await stop(child, ended)
  const output = readFileSync(file, 'utf8').slice(-4000)
  rmSync(folder, { recursive: true })
  throw new Error(`${program} did not come up: ${problem}${output}`)
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (!hasEnded(child)) child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(kill)
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
