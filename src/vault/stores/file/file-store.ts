// node only: reads and writes a file
import { createHash } from 'node:crypto'
import { VaultError } from '../../../errors.ts'
import { equalBytes } from '../../../support/digest.ts'
import { createFileLock, type FileLock, type LockTiming } from '../../../support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { createMutex } from '../../../support/mutex.ts'
import { quote } from '../../../support/quote.ts'
import { decodeFile, encodeFile, type FileContents, readDerivation } from './format.ts'
import { deriveKeys, type FileKey, type FileKeys, newDerivation } from './key.ts'
import { withFileLock } from './lock.ts'
import { readPrivateFile, replacePrivateFile, unusablePlace } from './private-file.ts'

/** What {@link openFileStore} needs. */
export interface FileStoreOptions {
  readonly path: string
  readonly key: FileKey
  readonly create: boolean
  readonly scryptCost: number
  readonly lockTimeoutMs: number
  /** Milliseconds in which a file must be read. */
  readonly readTimeoutMs: number
}

/** A file of credentials and the keys that open it. */
export interface OpenFile {
  readonly contents: FileContents
  readonly keys: FileKeys
}

/** A file of credentials on disk. Other processes may change it at any time. */
export interface FileStore {
  /** Reads the file as it is now. */
  read(): Promise<OpenFile>
  /** The file as this process read or wrote it last. */
  last(): FileContents
  /** Changes the records, alone among all processes. */
  change(records: (file: OpenFile, revision: number) => FileContents['records']): Promise<void>
  /** Writes every record anew under another key. */
  changeKey(
    key: FileKey,
    reseal: (file: OpenFile, keys: FileKeys, revision: number) => FileContents['records'],
  ): Promise<void>
  /** Runs a task, alone among all processes that give the same name. */
  exclusively<T>(name: string, task: () => Promise<T>): Promise<T>
}

/**
 * Opens a file of credentials, or makes one.
 *
 * @param timing - of the locks, for tests.
 * @throws VaultError `ERR_VAULT_CONFIGURATION`, `ERR_VAULT_INTEGRITY` or `ERR_VAULT_UNAVAILABLE`.
 */
export async function openFileStore(options: FileStoreOptions, timing?: LockTiming): Promise<FileStore> {
  const { path, readTimeoutMs: timeoutMs } = options
  const mutex = createMutex()
  const lock = createFileLock(`${path}.lock`, timing)
  const locks = new Map<string, FileLock>()
  let key = options.key
  let opened: readonly FileKeys[] = []
  let known: (OpenFile & { readonly identity: string }) | undefined

  async function read(): Promise<OpenFile> {
    const before = known
    const file = await readPrivateFile(path, { known: before?.identity, timeoutMs })
    if (file === 'unchanged' && before !== undefined) return before
    if (file === undefined || file === 'unchanged') {
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `there is no file ${quote(path, 256)}; \`create: true\` or the first \`procura vault put\` makes it`,
      )
    }
    const keys = await keysFor(file.bytes)
    const contents = decodeFile(keys, file.bytes)
    // VLT-25: an older version of the file is genuine too, and brings back what was removed or rotated since
    if (before !== undefined && contents.revision < before.contents.revision) {
      throw new VaultError('ERR_VAULT_INTEGRITY', 'the file of credentials was replaced by an older version of it')
    }
    // A change or another reading that began later may have ended earlier.
    if (known !== undefined && contents.revision < known.contents.revision) return known
    known = { contents, keys, identity: file.identity }
    return known
  }

  async function keysFor(bytes: Uint8Array): Promise<FileKeys> {
    const { salt, cost, kind } = readDerivation(bytes)
    const present = opened.find(({ derivation }) => {
      return derivation.kind === kind && derivation.cost === cost && equalBytes(derivation.salt, salt)
    })
    if (present !== undefined) return present
    const keys = await deriveKeys(key, { salt, cost, kind }, timeoutMs)
    opened = [...opened, keys].slice(-2)
    return keys
  }

  function locked<T>(task: (held: HeldLock) => Promise<T>): Promise<T> {
    return mutex(() => withFileLock(lock, `${path}.lock`, options.lockTimeoutMs, task))
  }

  async function write(held: HeldLock, keys: FileKeys, contents: FileContents): Promise<void> {
    await replacePrivateFile(path, encodeFile(keys, contents), held)
    // No file has this identity: the next reading is one of what is on the disk.
    known = { contents, keys, identity: '' }
  }

  async function open(): Promise<OpenFile> {
    if (options.create && (await readPrivateFile(path, { timeoutMs })) === undefined) {
      await locked(async (held) => {
        if ((await readPrivateFile(path, { timeoutMs })) !== undefined) return
        const keys = await deriveKeys(key, newDerivation(key, options.scryptCost), timeoutMs)
        await write(held, keys, { revision: 0, records: [] })
      })
    }
    // VLT-43: what a killed writer has left holds secrets under a key that may have been changed since
    await lock.removeDrafts().catch(() => undefined)
    return read()
  }

  const first = await open().catch((cause: unknown) => {
    throw unusablePlace('path', path, cause)
  })

  return {
    read,
    last: () => (known ?? first).contents,
    change: (records) =>
      locked(async (held) => {
        const file = await read()
        const revision = file.contents.revision + 1
        await write(held, file.keys, { revision, records: records(file, revision) })
      }),
    changeKey: (next, reseal) =>
      locked(async (held) => {
        const file = await read()
        const revision = file.contents.revision + 1
        const keys = await deriveKeys(next, newDerivation(next, options.scryptCost), timeoutMs)
        // A read that sees the new file before this turn goes on has its keys.
        opened = [...opened, keys].slice(-2)
        await write(held, keys, { revision, records: reseal(file, keys, revision) })
        key = next
      }),
    exclusively(name, task) {
      const folder = `${path}.${shortHash(name)}.lock`
      // Kept: for how long another holder has been silent is known by having watched it.
      const own = locks.get(folder) ?? createFileLock(folder, timing)
      locks.set(folder, own)
      return withFileLock(own, folder, options.lockTimeoutMs, task)
    },
  }
}

/** A name of any characters and length as part of a file name. */
function shortHash(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16)
}
