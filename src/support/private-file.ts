// node only: files that belong to one user
import { constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import process from 'node:process'
import { VaultError } from '../errors.ts'
import { unlessAborted } from './abort.ts'
import { startDeadline } from './deadline.ts'
import { createDurableFile, replaceDurableFile } from './durable-file.ts'
import type { HeldLock } from './file-lock/held-lock.ts'
import { quote } from './quote.ts'
import { followTrustedLink } from './trusted-link.ts'
import { vaultFailure } from './vault-failure.ts'

/** The maximum size of a file. A larger one is not read. */
export const maxPrivateFileBytes = 16_777_216

/** How often a link is followed again because what it led to has gone. */
const mostAttempts = 5

/** A file that was read, and the identity of its version. */
export interface PrivateFile {
  readonly bytes: Uint8Array
  readonly identity: string
}

/** Options of {@link readPrivateFile}. */
export interface ReadPrivateFileOptions {
  /** The identity of a version that the caller already has. */
  readonly known?: string | undefined
  /** Milliseconds within which the file must be read. */
  readonly timeoutMs: number
}

/**
 * Reads a file that belongs to the user of this process, and that no other user may read; or to root, which may let a
 * group read it. A symbolic link is followed if only these two can change the way.
 *
 * @returns the file; `unchanged` when its version is `known`; `undefined` when the file does not exist.
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when other users have access, it is not a regular file, or another user
 *   can change a link; `ERR_VAULT_UNAVAILABLE` when it cannot be read in time.
 */
export async function readPrivateFile(
  path: string,
  { known, timeoutMs }: ReadPrivateFileOptions,
): Promise<PrivateFile | 'unchanged' | undefined> {
  // VLT-44: the system waits without limit for a file server that does not respond.
  const deadline = startDeadline([], timeoutMs, () => {
    return new VaultError('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be read within ${timeoutMs} ms`)
  })
  try {
    return await unlessAborted(readNow(path, known), deadline.signal)
  } finally {
    deadline.end()
  }
}

async function readNow(path: string, known: string | undefined): Promise<PrivateFile | 'unchanged' | undefined> {
  const handle = await openFile(path)
  if (handle === undefined) return undefined
  try {
    // The checks apply to the open file, because the path may name another file a moment later.
    const status = await handle.stat({ bigint: true })
    if (status.isDirectory()) throw wrongFile(path, 'it is a folder; pass the path of a file')
    if (!status.isFile()) throw wrongFile(path, 'it is not a regular file')
    checkAccess(path, Number(status.mode), Number(status.uid))
    if (status.size > maxPrivateFileBytes) throw wrongFile(path, `it is larger than ${maxPrivateFileBytes} bytes`)
    const identity = `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`
    if (identity === known) return 'unchanged'
    return { bytes: Uint8Array.from(await handle.readFile()), identity }
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be read`, cause)
  } finally {
    await handle.close()
  }
}

/** Opens a file; undefined when it does not exist. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  let file = path
  // A mounted secret is changed by replacing a link, and the file that it led to is then removed.
  for (let attempt = 0; ; attempt += 1) {
    try {
      // Without O_NONBLOCK, opening a named pipe waits until another process writes to it.
      return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      const isLink = code === 'ELOOP' || (code === 'ENOENT' && file !== path)
      if (code === 'ENOENT' && !isLink) return undefined
      if (code === 'EACCES')
        throw wrongFile(path, 'this user may not read it; run chown (a secret of Kubernetes: set `fsGroup`)')
      if (!isLink || attempt === mostAttempts)
        throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be opened`, cause)
    }
    const target = await behindLink(path)
    if (target === undefined) return undefined
    file = target
  }
}

/** The path of the file behind a link; undefined when it does not exist. */
async function behindLink(path: string): Promise<string | undefined> {
  const reason = 'it is a symbolic link; pass the path of the file itself'
  // Node shows no owners on Windows.
  if (process.platform === 'win32') throw wrongFile(path, reason)
  try {
    const target = await followTrustedLink(path)
    // VLT-55
    if ('fault' in target) throw wrongFile(path, `${reason} (${target.fault})`)
    return target.path
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be opened`, cause)
  }
}

/**
 * Puts a new version in the place of a file in one step: a reader sees the old one or the new one, whole, also after a
 * loss of power.
 *
 * @param lock - the lock of the file. If it was lost, the next holder may have read the old version, which then stays.
 * @throws VaultError `ERR_VAULT_UNAVAILABLE`; the file then has its old version.
 */
export async function replacePrivateFile(path: string, bytes: Uint8Array, lock: HeldLock): Promise<void> {
  let done: boolean
  try {
    // The new version would replace the link, and the file behind it would keep the old one.
    if ((await lstat(path).catch(() => undefined))?.isSymbolicLink() === true)
      throw wrongFile(path, 'it is a symbolic link, which can only be read; pass the path of the file itself')
    // VLT-23
    done = await replaceDurableFile(path, bytes, lock)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be written`, cause)
  }
  if (done) return
  // VLT-42
  const message = `this process was paused, and another one took the lock of ${quote(path, 256)}; nothing was changed, try again`
  throw new VaultError('ERR_VAULT_UNAVAILABLE', message)
}

/**
 * Writes a file that must not exist yet.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when it exists, `ERR_VAULT_UNAVAILABLE` when it cannot be written.
 */
export async function createPrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await createDurableFile(path, bytes)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw wrongFile(path, 'it exists already; choose another path, or remove it')
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${quote(path, 256)} could not be written`, cause)
  }
}

function checkAccess(path: string, mode: number, owner: number): void {
  // Windows has access lists instead of modes, and Node does not show them.
  if (process.platform === 'win32') return
  const user = process.geteuid?.()
  // VLT-56: an administrator has given it to a group of this process.
  const isGiven = owner === 0 && user !== 0
  // VLT-22
  if ((mode & (isGiven ? 0o037 : 0o077)) !== 0)
    throw wrongFile(path, 'other users have access to it; run chmod 600 (a secret of Kubernetes: `defaultMode: 0400`)')
  if (!isGiven && owner !== user)
    throw wrongFile(
      path,
      `it belongs to user ${owner} and this process is user ${user}; run this as that user, or chown`,
    )
}

function wrongFile(path: string, what: string): VaultError {
  return new VaultError('ERR_VAULT_CONFIGURATION', `${quote(path, 256)} cannot be used: ${what}`)
}

/**
 * Turns the error about a path at which no file can be stored into `ERR_VAULT_CONFIGURATION`: it does not go away by
 * itself. The message names the option `path`. Returns other errors unchanged.
 */
export function unusablePlace(path: string, cause: unknown): unknown {
  if (!(cause instanceof VaultError) || cause.code !== 'ERR_VAULT_UNAVAILABLE') return cause
  const reason = cause.cause instanceof Error ? cause.cause.message : ''
  if (!placeErrors.has(reason)) return cause
  const message = `\`path\` ${quote(path, 256)} cannot be used (${reason}); pass a file in a folder that exists and that this process may write to`
  return new VaultError('ERR_VAULT_CONFIGURATION', message, { cause })
}

const placeErrors: ReadonlySet<string> = new Set([
  'EACCES',
  'EISDIR',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
])
