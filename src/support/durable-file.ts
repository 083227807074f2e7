// node only: writes files
import { open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import process from 'node:process'
import type { HeldLock } from './file-lock/held-lock.ts'
import { quote } from './quote.ts'
import { isFullDisk } from './vault-failure.ts'

/**
 * Writes a file of one user that must not exist yet. It lasts when this resolves, also after a loss of power.
 *
 * @throws errors of `node:fs`, such as `EEXIST`.
 */
export async function createDurableFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeNew(path, content)
  await syncFolder(dirname(path))
}

/**
 * Puts a new version in the place of a file in one step: a reader finds the old one or the new one, whole. The new one
 * lasts when this resolves, also after a loss of power.
 *
 * @param lock - of the file.
 * @returns whether it was done: a process that has lost the lock changes nothing.
 * @throws errors of `node:fs`, after the draft was removed.
 */
export async function replaceDurableFile(path: string, content: string | Uint8Array, lock: HeldLock): Promise<boolean> {
  const draft = lock.draft()
  try {
    await writeNew(draft, content)
    if (lock.publish(draft, path)) {
      await syncFolder(dirname(path))
      return true
    }
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw error
  }
  await unlink(draft).catch(() => undefined)
  return false
}

async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    throw namingDisk(error, path)
  } finally {
    await file.close()
  }
}

/** Makes the entries of a folder last, such as a renamed file. Windows cannot, and does not need to. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The error of a write, with the path if the disk is full: the system names no file then. CLI-54 */
export function namingDisk(error: unknown, path: string): unknown {
  const { code } = Object(error) as NodeJS.ErrnoException
  if (!isFullDisk(code)) return error
  return Object.assign(new Error(`the disk of ${quote(path, 256)} is full (${code})`, { cause: error }), { code })
}
