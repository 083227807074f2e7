// node only: copies files
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import process from 'node:process'
import { namingDisk, syncFolder } from '#support/durable-file.ts'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { UsageError } from '../usage-error.ts'
import { exists } from './home-files.ts'

/** The files of an agent. Its delegations end with the key of the owner; others in its folder are its own. */
const agentFiles = ['agent.key', 'connect.json'] as const

/** Folders of a home folder whose files are copied, with the folders in them. */
const folders = ['wrapped', 'tools', 'ledger'] as const

/** The log of a home folder until it was saved. */
const formerLog = /^log-until-[0-9TZ]+$/

/** Where the parts are that `gateway.json` can name. */
export interface HomeParts {
  /** Paths relative to the folder. */
  readonly files: readonly string[]
  /** The folder of the log, if it is copied, and its name in the copy. */
  readonly log?: { readonly folder: string; readonly name: string }
  /** A file that is never copied: the key of the vault. */
  readonly without?: string | undefined
}

/**
 * Copies the parts of a home folder that are listed here: keys, vault, agents, records and logs. The state, sockets,
 * locks, requests for approvals, keys of the page and everything else stay behind. CLI-55
 *
 * @returns the paths of symbolic links, which are not followed.
 */
export async function copyHome(
  from: string,
  to: string,
  { files, log, without }: HomeParts,
): Promise<readonly string[]> {
  const links: string[] = []
  const copy = new Copy(links, without === undefined ? undefined : resolve(without))
  for (const name of files) await copy.file(join(from, name), join(to, name))
  for (const name of folders) await copy.tree(join(from, name), join(to, name))
  for (const name of (await namesInFolder(from)).filter((one) => formerLog.test(one)))
    await copy.tree(join(from, name), join(to, name))
  if (log !== undefined) await copy.tree(log.folder, join(to, log.name))
  for (const agent of await namesInFolder(join(from, 'agents')))
    for (const name of agentFiles)
      if (await copy.isFolder(join(from, 'agents', agent)))
        await copy.file(join(from, 'agents', agent, name), join(to, 'agents', agent, name))
  return links
}

class Copy {
  readonly #links: string[]
  readonly #without: string | undefined

  constructor(links: string[], without: string | undefined) {
    this.#links = links
    this.#without = without
  }

  async isFolder(path: string): Promise<boolean> {
    const status = await lstat(path).catch(() => undefined)
    if (status?.isSymbolicLink() === true && !this.#links.includes(path)) this.#links.push(path)
    return status?.isDirectory() === true
  }

  /** Copies the files of a folder. Locks are folders, and those of a file are named after it. */
  async tree(from: string, to: string): Promise<void> {
    if (!(await this.isFolder(from))) return
    for (const name of await readdir(from)) {
      if (name.endsWith('.lock') || name.startsWith('.')) continue
      if (await this.isFolder(join(from, name))) await this.tree(join(from, name), join(to, name))
      else await this.file(join(from, name), join(to, name))
    }
  }

  /** Copies a regular file, which lasts then. One that is gone meanwhile is left out. */
  async file(from: string, to: string): Promise<void> {
    const status = await lstat(from).catch(() => undefined)
    if (status?.isSymbolicLink() === true) this.#links.push(from)
    if (status?.isFile() !== true || resolve(from) === this.#without) return
    await mkdir(dirname(to), { recursive: true, mode: 0o700 })
    try {
      await copyFile(from, to, constants.COPYFILE_EXCL)
      const file = await open(to, 'r+')
      try {
        await file.chmod(0o600)
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw namingDisk(error, to)
    }
    await syncFolder(dirname(to))
  }
}

/**
 * Refuses a new folder inside the one that is read, which a run would change otherwise. CLI-59
 *
 * @throws UsageError when it is inside, also by way of a symbolic link.
 */
export async function checkOutside(target: string, from: string): Promise<void> {
  // The part of its path that exists decides where it is.
  let part = dirname(target)
  while (!(await exists(part))) part = dirname(part)
  const inner = relative(await realpath(from), await realpath(part))
  if (inner === '..' || inner.startsWith(`..${sep}`) || isAbsolute(inner)) return
  throw new UsageError(`${quote(target, 256)} is inside ${quote(from, 256)}; name a folder outside it`)
}

/**
 * Makes a folder in one step: a task fills another one beside it, which gets its name then. What a killed process has
 * left beside it is removed. CLI-59
 *
 * @param target - does not exist; its parent does.
 * @param parent - gets the other folder; on the same file system.
 * @throws UsageError when another process makes the same folder.
 */
export async function makeFolderOnce<T>(
  target: string,
  task: (folder: string, lock: HeldLock) => Promise<T>,
  parent: string = dirname(target),
): Promise<T> {
  const prefix = `.${basename(target)}.new-`
  for (const name of await namesInFolder(parent)) if (name.startsWith(prefix)) await removeDead(join(parent, name))
  const folder = join(parent, `${prefix}${randomBytes(8).toString('hex')}`)
  await mkdir(folder, { mode: 0o700 })
  const answer = await createFileLock(join(folder, 'wrap.lock')).acquire(0)
  if (!('lock' in answer)) throw new UsageError(`another process makes ${quote(target, 256)} now; run this again`)
  try {
    const made = await task(folder, answer.lock)
    answer.lock.release()
    await rm(join(folder, 'wrap.lock'), { recursive: true })
    if (await exists(target)) throw new UsageError(`${quote(target, 256)} exists now; nothing is changed there`)
    await syncFolder(folder)
    await rename(folder, target)
    await syncFolder(dirname(target))
    return made
  } catch (error) {
    answer.lock.release()
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Another user can plant a folder or a link with such a name, where a lock and a removal would go astray: it stays. */
async function removeDead(folder: string): Promise<void> {
  const status = await lstat(folder)
  if (!status.isDirectory() || (process.getuid !== undefined && status.uid !== process.getuid())) return
  const answer = await createFileLock(join(folder, 'wrap.lock')).acquire(0)
  if (!('lock' in answer)) throw new UsageError(`another process makes ${quote(folder, 256)} now; run this again`)
  answer.lock.release()
  await rm(folder, { recursive: true, force: true })
}
