import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bundleProgram } from '../../support/bundle-program.ts'

const entry = fileURLToPath(new URL('./writer.ts', import.meta.url))

/** Bundles the writing process. */
export function bundleWriter(directory: string): Promise<string> {
  return bundleProgram(entry, `${directory}/writer.mjs`)
}

/** A process that writes a log. */
export interface Writer {
  readonly child: ChildProcess
  /** The whole lines that it has printed so far. */
  lines(): readonly string[]
  /** Resolves when it has printed a line with this beginning, or has ended. */
  said(start: string): Promise<void>
  /** Resolves when it has ended. Rejects if an unhandled error has ended it. */
  readonly ended: Promise<void>
}

/** Starts it; `command` can be a shell that sets limits first. */
export function startWriter(command: string, args: readonly string[]): Writer {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    for (const look of waiting) look()
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('close', (code) => (code === 1 ? reject(new Error('the process ended with code 1')) : resolve()))
  })
  const lines = (): string[] => text.split('\n').slice(0, -1)
  return {
    child,
    lines,
    ended,
    said: (start) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!lines().some((line) => line.startsWith(start))) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        ended.then(resolve, resolve)
      }),
  }
}
