// node only: keeps delegations in a file
import { createHash } from 'node:crypto'
import { encodeContainer, splitContainer } from '../container/container.ts'
import { MalformedError, StoreError, StoreFullError, VaultError } from '../errors.ts'
import { cidOf } from '../ipld/cid.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import type { DelegationStore } from '../proof/delegation-store.ts'
import { createFileLock } from '../support/file-lock/file-lock.ts'
import { withFileLock } from '../support/file-lock/with-file-lock.ts'
import { createMutex } from '../support/mutex.ts'
import { integerFrom, milliseconds, nonEmptyString, readOptions, withDefault } from '../support/options.ts'
import { readPrivateFile, replacePrivateFile } from '../support/private-file.ts'

/** Options of {@link fileDelegationStore}. */
export interface FileDelegationStoreOptions {
  /** The path of the file. It is made with the first delegation; its folder must exist. */
  readonly path: string
  /** Most delegations. Default 1,000; a change that exceeds it is refused. */
  readonly maxEntries?: number
  /**
   * Milliseconds to wait for another process that writes. Default 5,000. For a process that seems to have been killed the
   * wait is up to 10 s longer; then its lock is taken over.
   */
  readonly lockTimeoutMs?: number
}

/** Most characters of the file, and the bytes that they encode. */
const maxCharacters = 16_000_000
const maxBytes = 12_000_000
/** Milliseconds within which the file must be read. */
const timeoutMs = 10_000

/**
 * Stores the delegations of an agent in a file with mode 0600: a container as text, which any reader of containers opens.
 * Processes can share it. A change replaces the file in one step, so that a killed process leaves the old file or the new
 * one. Delegations are not secret: only the key of the agent can use them. Keep that key with `procura/signer/file`.
 *
 * @throws ArgumentError when an option is invalid. Its methods reject with StoreError when the file cannot be read or
 *   written, when other users have access to it, and when it does not contain delegations.
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
  const { path, maxEntries, lockTimeoutMs } = readOptions('fileDelegationStore', options, {
    path: nonEmptyString,
    maxEntries: withDefault(integerFrom(1, 10_000), 1_000),
    lockTimeoutMs: withDefault(milliseconds, 5_000),
  })
  const lock = createFileLock(`${path}.lock`)
  const mutex = createMutex()

  return Object.freeze({
    load: () => asStoreError(() => read(path)),
    change: ({ add, remove }) => {
      // Copies: the caller may change the bytes while the file is locked.
      const added = new Map(Array.from(add, ([cid, bytes]) => [cid, bytes.slice()] as const))
      const removed = new Set(remove)
      return mutex(() =>
        asStoreError(() =>
          withFileLock(lock, `${path}.lock`, lockTimeoutMs, async (held) => {
            const next = new Map(Array.from(await read(path), (bytes) => [nameOf(bytes), bytes] as const))
            for (const cid of removed) next.delete(cid)
            for (const [cid, bytes] of added) next.set(cid, bytes)
            if (next.size > maxEntries)
              throw new StoreFullError(`the delegation store holds at most ${maxEntries} delegations`)
            // AGT-18
            await replacePrivateFile(path, encode([...next.values()]), held)
          }),
        ),
      )
    },
  } satisfies DelegationStore)
}

function encode(tokens: readonly Uint8Array[]): Uint8Array {
  const text = tokens.length === 0 ? '' : encodeContainer(tokens.map((bytes) => ({ bytes })))
  // A larger file could not be read again.
  if (text.length > maxCharacters)
    throw new StoreFullError(`the file of the delegation store has at most ${maxCharacters} characters`)
  return new TextEncoder().encode(text)
}

async function read(path: string): Promise<readonly Uint8Array[]> {
  const file = await readPrivateFile(path, { timeoutMs })
  if (file === undefined || file === 'unchanged') return []
  const text = new TextDecoder().decode(file.bytes)
  return text === '' ? [] : splitContainer(text, fileLimits)
}

const fileLimits: Limits = Object.freeze({ ...defaultLimits, containerBytes: maxBytes, tokens: 10_000 })

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
