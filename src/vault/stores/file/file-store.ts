// node only: reads and writes a file
import { createHash } from 'node:crypto'
import { VaultError } from '../../../errors.ts'
import { equalInConstantTime } from '../../../support/digest.ts'
import { createFileLock, type FileLock, type LockTiming } from '../../../support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { withFileLock } from '../../../support/file-lock/with-file-lock.ts'
import { createMutex } from '../../../support/mutex.ts'
import { readPrivateFile, replacePrivateFile, unusablePlace } from '../../../support/private-file.ts'
import { quote } from '../../../support/quote.ts'
import { decodeFile, encodeFile, type FileContents, readDerivation } from './format.ts'
import { deriveKeys, type FileKey, type FileKeys, type KeyDerivation, newDerivation } from './key.ts'

/** Options of {@link openFileStore}. */
export interface FileStoreOptions {
  readonly path: string
  readonly key: FileKey
  readonly create: boolean
  readonly scryptCost: number
  readonly lockTimeoutMs: number
  /** Milliseconds within which a file must be read. */
  readonly readTimeoutMs: number
}

/** The contents of a credential file, and its keys. */
export interface OpenFile {
  readonly contents: FileContents
  readonly keys: FileKeys
}

/** A credential file on disk. Other processes may change it at any time. */
export interface FileStore {
  /** Reads the current file. */
  read(): Promise<OpenFile>
  /** The contents that this process read or wrote last. */
  last(): FileContents
  /** Changes the records while no other process writes. */
  change(records: (file: OpenFile, revision: number) => FileContents['records']): Promise<void>
  /** Writes all records again under another key. */
  changeKey(
    key: FileKey,
    reseal: (file: OpenFile, keys: FileKeys, revision: number) => FileContents['records'],
  ): Promise<void>
  /** Runs a task while no other process runs one under the same name. */
  exclusively<T>(name: string, task: () => Promise<T>): Promise<T>
}

/**
 * Opens a credential file, or makes one.
 *
 * @param timing - the times of the locks, for tests.
 * @throws VaultError `ERR_VAULT_CONFIGURATION`, `ERR_VAULT_INTEGRITY` or `ERR_VAULT_UNAVAILABLE`.
 */
export async function openFileStore(options: FileStoreOptions, timing?: LockTiming): Promise<FileStore> {
  const { path, lockTimeoutMs } = options
  const mutex = createMutex()
  const lock = createFileLock(`${path}.lock`, timing)
  const locks = new Map<string, FileLock>()
  const keyring = createKeyring(options)
  const file = createKnownFile(options, keyring)

  function locked<T>(task: (held: HeldLock) => Promise<T>): Promise<T> {
    return mutex(() => withFileLock(lock, `${path}.lock`, lockTimeoutMs, task))
  }

  function asUnusable(cause: unknown): never {
    throw unusablePlace(path, cause)
  }

  if (options.create) await makeFile(options, keyring, file, locked).catch(asUnusable)
  // VLT-43: drafts of a killed writer contain secrets under a key that may have been changed since.
  await lock.removeDrafts().catch(() => undefined)
  const first = await file.read().catch(asUnusable)

  return {
    read: file.read,
    last: () => (file.known() ?? first).contents,
    change: (records) =>
      locked(async (held) => {
        const present = await file.read()
        const revision = present.contents.revision + 1
        await file.write(held, present.keys, { revision, records: records(present, revision) })
      }),
    changeKey: (next, reseal) =>
      locked(async (held) => {
        const present = await file.read()
        const revision = present.contents.revision + 1
        // A read that sees the new file before this turn goes on has its keys.
        const keys = await keyring.create(next)
        await file.write(held, keys, { revision, records: reseal(present, keys, revision) })
        keyring.use(next)
      }),
    exclusively(name, task) {
      const folder = `${path}.${shortHash(name)}.lock`
      // The lock object is kept, because it measures for how long another holder has been silent.
      const own = locks.get(folder) ?? createFileLock(folder, timing)
      locks.set(folder, own)
      return withFileLock(own, folder, lockTimeoutMs, task)
    },
  }
}

/** Makes an empty file, unless there is one. */
async function makeFile(
  { path, key, readTimeoutMs: timeoutMs }: FileStoreOptions,
  keyring: Keyring,
  file: KnownFile,
  locked: (task: (held: HeldLock) => Promise<void>) => Promise<void>,
): Promise<void> {
  const exists = async (): Promise<boolean> => (await readPrivateFile(path, { timeoutMs })) !== undefined
  if (await exists()) return
  await locked(async (held) => {
    // Another process may have made it in the meantime.
    if (!(await exists())) await file.write(held, await keyring.create(key), { revision: 0, records: [] })
  })
}

/**
 * The keys of a file. Deriving them takes half a second, so the last two are kept: one of them may be their successor.
 */
interface Keyring {
  /** The keys that open a file. */
  open(bytes: Uint8Array): Promise<FileKeys>
  /** New keys for a file. */
  create(key: FileKey): Promise<FileKeys>
  /** Derives the keys of files from this key from now on. */
  use(key: FileKey): void
}

function createKeyring(options: FileStoreOptions): Keyring {
  const { scryptCost, readTimeoutMs } = options
  let key = options.key
  let derived: readonly FileKeys[] = []

  async function derive(from: FileKey, derivation: KeyDerivation): Promise<FileKeys> {
    const keys = await deriveKeys(from, derivation, readTimeoutMs)
    derived = [...derived, keys].slice(-2)
    return keys
  }

  return {
    async open(bytes) {
      const derivation = readDerivation(bytes)
      const kept = derived.find((keys) => isSame(keys.derivation, derivation))
      return kept ?? derive(key, derivation)
    },
    create: async (from) => derive(from, newDerivation(from, scryptCost)),
    use: (next) => {
      key = next
    },
  }
}

function isSame(one: KeyDerivation, other: KeyDerivation): boolean {
  return one.kind === other.kind && one.cost === other.cost && equalInConstantTime(one.salt, other.salt)
}

/** The file as this process knows it. */
interface KnownFile {
  read(): Promise<OpenFile>
  write(held: HeldLock, keys: FileKeys, contents: FileContents): Promise<void>
  /** The version that was read or written last. */
  known(): OpenFile | undefined
}

function createKnownFile({ path, readTimeoutMs: timeoutMs }: FileStoreOptions, keyring: Keyring): KnownFile {
  let known: (OpenFile & { readonly identity: string }) | undefined

  async function read(): Promise<OpenFile> {
    const before = known
    const file = await readPrivateFile(path, { known: before?.identity, timeoutMs })
    if (file === 'unchanged' && before !== undefined) return before
    if (file === undefined || file === 'unchanged') {
      throw new VaultError(
        'ERR_VAULT_CONFIGURATION',
        `the file ${quote(path, 256)} does not exist; set \`create: true\`, or store the first credential with \`procura vault put\``,
      )
    }
    const keys = await keyring.open(file.bytes)
    const contents = decodeFile(keys, file.bytes, path)
    // VLT-25: an older version of the file is genuine as well, and would restore removed or rotated secrets.
    if (before !== undefined && contents.revision < before.contents.revision) {
      throw new VaultError(
        'ERR_VAULT_INTEGRITY',
        'the credential file was replaced by an older version; restore the newest one',
      )
    }
    // A change, or a reading that began later, may have ended earlier.
    if (known !== undefined && contents.revision < known.contents.revision) return known
    known = { contents, keys, identity: file.identity }
    return known
  }

  return {
    read,
    known: () => known,
    async write(held, keys, contents) {
      await replacePrivateFile(path, encodeFile(keys, contents), held)
      // No file has this identity, so the next reading reads the disk.
      known = { contents, keys, identity: '' }
    },
  }
}

/** Turns a name of any characters and length into a part of a file name. */
function shortHash(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16)
}
