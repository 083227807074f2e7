// node only: keeps delegations in a file
import { createHash } from 'node:crypto'
import { type Bounds, defaultBounds } from '../../bounds.ts'
import {
  encodeContainer,
  encodeContainerBytes,
  splitContainer,
  type TokenLike,
} from '../../core/container/container.ts'
import { cidOf } from '../../core/ipld/cid.ts'
import type { DelegationStore } from '../../core/proof/delegation-store.ts'
import { ArgumentError, MalformedError, StoreError, StoreFullError, VaultError } from '../../errors.ts'
import { createFileLock } from '../../support/file-lock/file-lock.ts'
import { withFileLock } from '../../support/file-lock/with-file-lock.ts'
import { createMutex } from '../../support/mutex.ts'
import { integerFrom, maybe, milliseconds, nonEmptyString, readOptions, withDefault } from '../../support/options.ts'
import { readPrivateFile, replacePrivateFile } from '../../support/private-file.ts'
import { type FileKey, keyCheck, ownKey } from '../../vault/stores/file/key.ts'
import { createFileCipher, encrypted, type FileCipher, isSealed, readSealed, type SealedFile } from './sealed-file.ts'

/** Options of {@link fileDelegationStore}. */
export interface FileDelegationStoreOptions {
  /** The path of the file. It is made with the first delegation; its folder must exist. */
  readonly path: string
  /**
   * The key that encrypts the file: a passphrase, a key file, or 32 bytes. Default: none; the file is not encrypted.
   */
  readonly key?: FileKey
  /**
   * A name that the encryption binds, such as the name of the agent; with `key` alone. A file with another name is
   * refused, so that files under one key cannot be swapped. It is readable in the file. Default: none.
   */
  readonly name?: string
  /** Most delegations. Default 1,000; a change that exceeds it is refused. */
  readonly maxEntries?: number
  /**
   * Milliseconds to wait for another process that writes. Default 5,000. For a process that seems to have been killed
   * the wait is up to 10 s longer; then its lock is taken over.
   */
  readonly lockTimeoutMs?: number
}

/** Most bytes of the container. With base64url and its other fields, the file is below the limit for private files. */
const maxBytes = 12_000_000
/** Milliseconds within which the file must be read. */
const timeoutMs = 10_000

/**
 * Stores the delegations of an agent in a file with mode 0600: a container as text, which any reader of containers
 * opens, or encrypted with `key`. It also opens files that `procura delegate --out` wrote, and such files joined
 * together, with one container a line. Processes can share it. A change replaces the file in one step, so that a killed
 * process leaves the old file or the new one. Delegations are not secret: only the key of the agent can use them. Keep
 * that key with `procura/signer/file`.
 *
 * @throws ArgumentError when an option is invalid. Its methods reject with StoreError when the file cannot be read or
 *   written, when other users have access to it, when it does not contain delegations, and when `key` or `name` is not
 *   that of the file.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { fileDelegationStore } from 'procura/agent/file'
 * import { openSignerFile } from 'procura/signer/file'
 *
 * const { signer } = await openSignerFile({ path: 'agent.key' })
 * const assistant = await openAgent({ signer, store: fileDelegationStore({ path: 'agent.ucan' }) })
 * ```
 */
export function fileDelegationStore(options: FileDelegationStoreOptions): DelegationStore {
  const { path, key, name, maxEntries, lockTimeoutMs } = readOptions('fileDelegationStore', options, {
    path: nonEmptyString,
    key: maybe(keyCheck),
    name: maybe(nonEmptyString),
    maxEntries: withDefault(integerFrom(1, 10_000), 1_000),
    lockTimeoutMs: withDefault(milliseconds, 5_000),
  })
  if (key === undefined && name !== undefined)
    throw new ArgumentError('fileDelegationStore: `name` requires a `key`, because the encryption binds it')
  const cipher = key && createFileCipher(ownKey(key), name)
  const lock = createFileLock(`${path}.lock`)
  const mutex = createMutex()

  return Object.freeze({
    load: () => asStoreError(async () => (await read(path, cipher)).tokens),
    change: ({ add, remove }) => {
      // Copies: the caller may change the bytes while the file is locked.
      const added = new Map(Array.from(add, ([cid, bytes]) => [cid, new Uint8Array(bytes)] as const))
      const removed = new Set(remove)
      return mutex(() =>
        asStoreError(() =>
          withFileLock(lock, `${path}.lock`, lockTimeoutMs, async (held) => {
            const { tokens, sealed } = await read(path, cipher)
            const next = new Map(Array.from(tokens, (bytes) => [nameOf(bytes), bytes] as const))
            for (const cid of removed) next.delete(cid)
            for (const [cid, bytes] of added) next.set(cid, bytes)
            if (next.size > maxEntries)
              throw new StoreFullError(`the delegation store holds at most ${maxEntries} delegations`)
            // AGT-18
            await replacePrivateFile(path, await encode([...next.values()], cipher, sealed), held)
          }),
        ),
      )
    },
  } satisfies DelegationStore)
}

async function encode(
  tokens: readonly Uint8Array[],
  cipher: FileCipher | undefined,
  before: SealedFile | undefined,
): Promise<Uint8Array> {
  const list = tokens.map((bytes) => ({ bytes }))
  const content = tokens.length === 0 ? new Uint8Array() : encodeContainerBytes(list)
  // A larger file could not be read again.
  if (content.length > maxBytes)
    throw new StoreFullError(`the file of the delegation store has at most ${maxBytes} bytes`)
  return new TextEncoder().encode(cipher === undefined ? linesOf(list) : await cipher.seal(content, before))
}

/** A container a line, none with more tokens than readers of containers take. */
function linesOf(list: readonly TokenLike[]): string {
  const lines: string[] = []
  for (let at = 0; at < list.length; at += defaultBounds.tokens)
    lines.push(encodeContainer(list.slice(at, at + defaultBounds.tokens)))
  return lines.join('\n')
}

/** The content of a file. */
interface FileContent {
  readonly tokens: readonly Uint8Array[]
  readonly sealed?: SealedFile
}

async function read(path: string, cipher: FileCipher | undefined): Promise<FileContent> {
  const file = await readPrivateFile(path, { timeoutMs })
  if (file === undefined || file === 'unchanged') return { tokens: [] }
  const text = new TextDecoder().decode(file.bytes)
  if (cipher === undefined) {
    if (isSealed(text)) throw encrypted(readSealed(text))
    return { tokens: await tokensOf(text) }
  }
  // A file that was replaced by an unencrypted one would be used without notice.
  if (!isSealed(text)) throw new StoreError('the file of the delegation store is not encrypted; open it without `key`')
  const sealed = readSealed(text)
  const content = await cipher.open(sealed)
  return { tokens: content.length === 0 ? [] : await splitContainer(content, fileLimits), sealed }
}

/** A file that a program has put together ends with a line feed, or has a container on each line. */
async function tokensOf(text: string): Promise<readonly Uint8Array[]> {
  const each = new Map<string, Uint8Array>()
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue
    const limits = { ...fileLimits, tokens: fileLimits.tokens - each.size }
    for (const bytes of await splitContainer(line, limits)) each.set(nameOf(bytes), bytes)
  }
  return [...each.values()]
}

const fileLimits: Bounds = Object.freeze({ ...defaultBounds, containerBytes: maxBytes, tokens: 10_000 })

function nameOf(bytes: Uint8Array): string {
  return String(cidOf(createHash('sha256').update(bytes).digest()))
}

/** The messages of the file functions name the path, the fault and the remedy. */
async function asStoreError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof MalformedError)
      throw new StoreError('the file of the delegation store is damaged; restore it, or remove it and receive again', {
        cause,
      })
    if (cause instanceof VaultError) throw new StoreError(`the delegation store failed: ${cause.message}`, { cause })
    throw cause
  }
}
