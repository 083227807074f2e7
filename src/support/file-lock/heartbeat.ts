// node only: files by which the holder of a lock says that it lives
import { type FileHandle, open, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import process from 'node:process'

const length = 512

/**
 * Writes a sign of life that differs from the one before.
 *
 * @param count - the number of this renewal.
 * @throws what `node:fs` throws when the file is gone.
 */
export async function writeBeat(path: string, count: number): Promise<void> {
  const text = JSON.stringify({ process: process.pid, host: hostname().slice(0, 255), renewed: count })
  // Opened by its name: a holder that has lost the lock finds no file of this name.
  const file = await open(path, 'r+')
  try {
    // The length is constant, so that overwriting it takes no space on a full disk.
    await file.write(Buffer.from(`${text}\n`.padEnd(length)), 0, length, 0)
  } catch {
    // Any other time than the one before tells readers of a change.
    await utimes(path, count, count)
  } finally {
    await file.close()
  }
}

/**
 * Reads the present sign of life; another one than before means a renewal. Opening the file asks a file server, where a
 * status could come from a cache of this machine.
 */
export async function readBeat(path: string): Promise<string> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { mtimeMs } = await file.stat()
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0)
    return `${buffer.toString('utf8', 0, bytesRead)}\n${mtimeMs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  } finally {
    await file?.close()
  }
}

/** The host name of the holder in its sign of life; empty when there is none yet. */
export function describeHost(beat: string): string {
  try {
    const { host } = JSON.parse(beat.slice(0, beat.indexOf('\n'))) as { readonly host?: unknown }
    return typeof host === 'string' ? host : ''
  } catch {
    return ''
  }
}
