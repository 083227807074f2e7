// node only: writes files
import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.ts'
import { printableHost } from '../terminal/printable.ts'

/** Bytes after which the file becomes the older one. */
const maxBytes = 5 * 1024 * 1024

/** The output of a gateway in the background. */
export function serveLogPath(home: string): string {
  return join(home, 'serve.log')
}

/**
 * Opens the output of a gateway in the background, which only this user can read.
 *
 * @throws the error of the system when it cannot be opened.
 */
export function openServeLog(home: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants
  // Without O_NONBLOCK, opening a named pipe waits for its reader.
  const file = openSync(serveLogPath(home), O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600)
  fchmodSync(file, 0o600)
  return file
}

/** A host whose output goes into the file of a gateway in the background, and one older file. */
export function hostWithLog(host: Host, home: string): Host {
  let file = openServeLog(home)
  const write = (line: string): void => {
    // The gateway goes on where the disk is full or the file is gone.
    try {
      if (fstatSync(file).size > maxBytes) {
        renameSync(serveLogPath(home), `${serveLogPath(home)}.1`)
        closeSync(file)
        file = openServeLog(home)
      }
      writeSync(file, `${line}\n`)
    } catch {
      return
    }
  }
  // Somebody reads the file at a terminal, and messages have names that servers and clients chose.
  return printableHost({ ...host, isTerminal: false, print: write, complain: write })
}
