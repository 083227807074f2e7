// node only: reads and replaces files
import { createHash, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, open, readdir, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { namingDisk, syncFolder } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/** The largest configuration that is read, in bytes. */
const maxBytes = 33_554_432

/** The configuration of a client, as it was read. */
export interface ConfigFile {
  /** Behind all symbolic links. */
  readonly path: string
  readonly text: string
  /** SHA-256 of its bytes. */
  readonly hash: string
  readonly status: Stats
}

/**
 * Reads the configuration of a client. Symbolic links are followed, so that the file behind them is changed and the
 * link stays.
 *
 * @throws UsageError when it cannot be changed without a loss.
 */
export async function readConfigFile(given: string): Promise<ConfigFile> {
  const path = await realpath(given).catch((error: NodeJS.ErrnoException) => {
    const fault = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`
    throw new UsageError(`${quote(given, 256)} ${fault}; pass the path of a client's configuration`)
  })
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${quote(given, 256)} cannot be read (${error.code}); run this as its owner`)
  })
  try {
    const status = await handle.stat()
    if (status.isDirectory()) throw new UsageError(`${quote(given, 256)} is a folder; name a file`)
    if (!status.isFile()) throw new UsageError(`${quote(given, 256)} is not a regular file`)
    if (status.size > maxBytes) throw new UsageError(`${quote(given, 256)} has more than ${maxBytes} bytes`)
    const bytes = await handle.readFile()
    return { path, text: decode(bytes, given), hash: hashOf(bytes), status }
  } finally {
    await handle.close()
  }
}

function decode(bytes: Uint8Array, given: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UsageError(`${quote(given, 256)} is not valid UTF-8; save it as UTF-8, and run this again`)
  }
}

/** SHA-256 of a text in UTF-8. */
export function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/**
 * Checks that a configuration is as it was read, and can be replaced: before anything is written for it. WRP-17
 *
 * @throws UsageError when another program has changed it, or it cannot be replaced without a loss.
 */
export async function checkUnchanged({ path, hash }: ConfigFile): Promise<void> {
  const now = await readConfigFile(path)
  await checkReplaceable(now)
  if (now.hash !== hash)
    throw new UsageError(`${quote(path, 256)} was changed by another program just now; run this again`)
}

/**
 * Checks that this user can replace a configuration.
 *
 * @throws UsageError when it cannot be replaced without a loss.
 */
export async function checkReplaceable({ path, status }: Pick<ConfigFile, 'path' | 'status'>): Promise<void> {
  // The other names of the file would keep the old content.
  if (status.nlink > 1)
    throw new UsageError(`${quote(path, 256)} has ${status.nlink} hard links; replace the links by symbolic links`)
  await access(dirname(path), constants.W_OK).catch(({ code }: NodeJS.ErrnoException) => {
    throw new UsageError(
      `the folder ${quote(dirname(path), 256)} cannot be written (${code}), so ${quote(basename(path), 256)} cannot be replaced; run this as its owner, or change its mode`,
    )
  })
  checkOwner(status, path)
}

/**
 * Checks that the file in the place of a configuration can get its owner and its group. The agent could not read what
 * root makes for it. WRP-73, WRP-82
 */
function checkOwner({ uid, gid }: Stats, path: string): void {
  const own = process.geteuid?.()
  if (own === undefined) return
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])]
  const without = own === 0 ? ', without sudo' : ''
  if (uid !== own) throw new UsageError(`${quote(path, 256)} belongs to another user; run this as its owner${without}`)
  if (own !== 0 && !groups.includes(gid))
    throw new UsageError(
      `${quote(path, 256)} belongs to the group ${gid}, which you are not in; give it a group of yours with chgrp, and run this again`,
    )
}

/**
 * Puts a new text in the place of a configuration in one step: a reader finds the old file or the new one, whole, also
 * after a loss of power. Mode and owner stay. WRP-14
 *
 * @throws UsageError when the file was changed since it was read, or cannot be replaced without a loss.
 */
export async function replaceConfigFile(file: ConfigFile, text: string): Promise<void> {
  const { path, status } = file
  await removeDrafts(path)
  const draft = `${draftPrefix(path)}${randomBytes(8).toString('hex')}`
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await keepOwner(handle, status, path)
      await handle.sync()
      await checkUnchanged(file)
      await rename(draft, path)
      // Not before: a draft that a killed process leaves is for its owner alone.
      await handle.chmod(status.mode & 0o7777)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw namingDisk(error, path)
  }
  await syncFolder(dirname(path))
}

async function keepOwner(handle: FileHandle, { uid, gid }: Stats, path: string): Promise<void> {
  if (process.platform === 'win32') return
  const draft = await handle.stat()
  if (draft.uid === uid && draft.gid === gid) return
  await handle.chown(uid, gid).catch(() => {
    throw new UsageError(`${quote(path, 256)} belongs to another user or group; run this as its owner`)
  })
}

/** Removes the drafts of killed processes. A draft may contain secrets. */
export async function removeDrafts(path: string): Promise<void> {
  for (const draft of await draftsOf(path)) await unlink(draft).catch(() => undefined)
}

/** The drafts beside a configuration. */
export async function draftsOf(path: string): Promise<readonly string[]> {
  const names = await readdir(dirname(path)).catch(() => [])
  const prefix = basename(draftPrefix(path))
  return names.filter((name) => name.startsWith(prefix)).map((name) => join(dirname(path), name))
}

function draftPrefix(path: string): string {
  return join(dirname(path), `.${basename(path)}.procura-`)
}
