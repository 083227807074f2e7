// node only: files by which the holder of a lock shows that it is alive
import { type FileHandle, open, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import process from 'node:process'

const length = 512

/**
 * Writes a sign of life that differs from the previous one.
 *
 * @param count - the number of this renewal.
 * @throws errors of `node:fs`, for example when the file is missing.
 */
export async function writeBeat(path: string, count: number): Promise<void> {
  const text = JSON.stringify({ process: process.pid, host: hostname().slice(0, 255), renewed: count })
  // Open it by name: a holder that has lost the lock finds no file of this name.
  const file = await open(path, 'r+')
  try {
    // The length is constant, so that overwriting needs no space on a full disk.
    await file.write(Buffer.from(`${text}\n`.padEnd(length)), 0, length, 0)
  } catch {
    // Readers detect a renewal by any change of the time.
    await utimes(path, count, count)
  } finally {
    await file.close()
  }
}

/**
 * Reads the present sign of life; a different one means a renewal. Open the file: that reaches a file server, where a
 * status can come from the cache of this machine.
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

/** The host name of the holder in its sign of life; empty until there is one. */
export function describeHost(beat: string): string {
  try {
    const { host } = JSON.parse(beat.slice(0, beat.indexOf('\n'))) as { readonly host?: unknown }
    return typeof host === 'string' ? host : ''
  } catch {
    return ''
  }
}
