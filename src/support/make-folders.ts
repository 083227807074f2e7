// node only: makes folders
/**
 * Folders with their parents. `mkdir` of Node with `recursive` never returns for a path in a file system that reports
 * ENOENT for a new folder, such as /proc: it makes the parent again and again.
 *
 * @module
 */

import fs from 'node:fs'
import { dirname, resolve } from 'node:path'

const mode = 0o700

/**
 * Makes a folder and its missing parents, for their owner alone. Folders that exist are not changed.
 *
 * @returns the path of the first folder that was made; undefined if all of them exist.
 * @throws the error of `node:fs`, with its `code`.
 */
export async function makeFolders(path: string): Promise<string | undefined> {
  const folder = resolve(path)
  try {
    await fs.promises.mkdir(folder, { mode })
    return folder
  } catch (error) {
    const parent = dirname(folder)
    if (!isMissing(error) || parent === folder) return existing(folder, error)
    const first = await makeFolders(parent)
    try {
      await fs.promises.mkdir(folder, { mode })
    } catch (again) {
      // Another process may have made it since.
      existing(folder, again)
    }
    return first ?? folder
  }
}

/** The same, blocking the process. */
export function makeFoldersNow(path: string): string | undefined {
  const folder = resolve(path)
  try {
    fs.mkdirSync(folder, { mode })
    return folder
  } catch (error) {
    const parent = dirname(folder)
    if (!isMissing(error) || parent === folder) return existing(folder, error)
    const first = makeFoldersNow(parent)
    try {
      fs.mkdirSync(folder, { mode })
    } catch (again) {
      existing(folder, again)
    }
    return first ?? folder
  }
}

/** A system may report an error other than EEXIST for a folder that exists, such as the root of a drive. */
function existing(folder: string, error: unknown): undefined {
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
