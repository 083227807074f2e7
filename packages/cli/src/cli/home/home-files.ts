// node only: writes files
import { randomBytes } from 'node:crypto'
import { link, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { syncFolder } from '#support/durable-file.ts'
import { makeFolders } from '#support/make-folders.ts'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/** Makes a folder that only its owner can use, and checks one that exists. CON-45 */
export async function ensureFolder(path: string): Promise<void> {
  const made = await makeFolders(path).catch(({ code }: NodeJS.ErrnoException) => {
    throw new UsageError(`the folder ${quote(path, 256)} cannot be made (${code}); choose another one with --home`)
  })
  const isNew = made !== undefined
  if (isNew) await syncFolder(dirname(path))
  await checkFolder(path)
}

/** Checks that a folder that exists is for its owner alone. */
export async function checkFolder(path: string): Promise<void> {
  const status = await lstat(path)
  if (!status.isDirectory()) throw new UsageError(`${quote(path, 256)} is not a folder`)
  if (process.platform !== 'win32' && (status.mode & 0o077) !== 0)
    throw new UsageError(`other users have access to ${quote(path, 256)}; run chmod 700`)
}

/** Whether a file exists. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    },
  )
}

/**
 * Makes a file by a function that writes to its path, in one step: after a kill there is no file, or a whole one.
 *
 * @returns whether it was made. A file that exists stays.
 */
export async function makeWhole(path: string, write: (draft: string) => Promise<unknown>): Promise<boolean> {
  if (await exists(path)) return false
  // Beside the file: a link reaches no other file system.
  const folder = await makeStage(dirname(path)).catch(({ code }: NodeJS.ErrnoException) => {
    throw new UsageError(`no file can be made in the folder ${quote(dirname(path), 256)} (${code})`)
  })
  try {
    const draft = join(folder, 'file')
    await write(draft)
    // A link does not replace a file that another process made in the meantime.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await syncFolder(dirname(path))
    return true
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Makes a folder with its files in one step. */
export async function makeWholeFolder(
  home: string,
  path: string,
  write: (draft: string) => Promise<unknown>,
): Promise<void> {
  if (await exists(path)) return
  const folder = await makeStage(home)
  try {
    await write(folder)
    await syncFolder(folder)
    await rename(folder, path)
    await syncFolder(dirname(path))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a task with a folder that is removed afterwards. */
export async function withStage<T>(home: string, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makeStage(home)
  try {
    return await task(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const stagePrefix = '.new-'

async function makeStage(home: string): Promise<string> {
  const folder = join(home, `${stagePrefix}${randomBytes(8).toString('hex')}`)
  await mkdir(folder, { mode: 0o700 })
  return folder
}

/** Removes the folders of killed processes. The caller holds the lock of the home folder. */
export async function removeStages(home: string): Promise<void> {
  for (const name of await readdir(home).catch(() => []))
    if (name.startsWith(stagePrefix)) await rm(join(home, name), { recursive: true, force: true })
}
