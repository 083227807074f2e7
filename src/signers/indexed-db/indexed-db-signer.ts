/**
 * Signers whose key is in the IndexedDB of a browser.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'
import { didOption } from '../../core/did/did-option.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { webCryptoSigner } from '../../core/principal/web-crypto-signer.ts'
import { ArgumentError, SigningError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import {
  didString,
  flag,
  maybe,
  milliseconds,
  nonEmptyString,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import { type KeyDatabase, openKeyDatabase, type StoredKey } from './key-database.ts'

/** The place of a key. */
export interface IndexedDbPlace {
  /** The name of the database. Default `procura-signer`. */
  readonly database?: string
  /** The name of the key, for a page with several principals. Default `default`. */
  readonly name?: string
  /** Milliseconds within which the browser must answer. Default 10,000. */
  readonly timeoutMs?: number
}

/** Options of {@link openIndexedDbSigner}. */
export interface IndexedDbSignerOptions extends IndexedDbPlace {
  /** Whether a missing key is made. Default true. */
  readonly create?: boolean
  /** The DID that the key signs for. Default: its `did:key`. */
  readonly did?: Did
  /** Default: the system clock. */
  readonly clock?: Clock
}

/** A key in a browser. */
export interface IndexedDbSigner {
  readonly signer: Signer
  /** Whether the key was made now. Delegations to an earlier key are then of no use. */
  readonly isNew: boolean
  /** The second in which the key was made. */
  readonly created: Timestamp
}

/**
 * Opens the key of this origin, or makes one: Ed25519 where the browser has it, and P-256 elsewhere. The key is
 * non-extractable: scripts of the origin can sign with it while they run, and can neither read nor send it. Pages that
 * open it at the same time get the same key.
 *
 * A browser removes data of sites that are rarely used, and all data in private browsing;
 * `navigator.storage.persist()` asks it to keep them. Keep the root of an authority in another place.
 *
 * The open signer keeps its key until the page ends, also when the key is removed from the browser.
 *
 * @throws ArgumentError when an option is invalid; SigningError when the browser refuses to store the key or does not
 *   answer in time, the page is not in a secure context, or the key is missing and `create` is false.
 *
 * @example
 * ```ts
 * import { openIndexedDbSigner } from 'procura/signer/indexed-db'
 *
 * const { signer, isNew } = await openIndexedDbSigner()
 * if (isNew) console.log('ask for delegations to', signer.did)
 * ```
 */
export async function openIndexedDbSigner(options: IndexedDbSignerOptions = {}): Promise<IndexedDbSigner> {
  const given = readOptions('openIndexedDbSigner', options, {
    ...placeChecks,
    create: withDefault(flag, true),
    did: maybe(didString),
    clock: withDefault(withMethod('now'), systemClock),
  })
  const did = given.did === undefined ? undefined : didOption('did', given.did)
  return withDatabase(given, async (database, signal) => {
    const { key, isNew } = await keyOf(database, given, signal)
    // SIG-25
    if (key?.privateKey?.extractable !== false)
      throw new SigningError('the stored key is extractable or malformed; remove it with removeIndexedDbSigner')
    if (!Number.isSafeInteger(key.created) || key.created < 0)
      throw new SigningError('`created` of the stored key is invalid; remove the key with removeIndexedDbSigner')
    const signer = await signerOf(key, did)
    return Object.freeze({ signer, isNew, created: key.created })
  })
}

/**
 * Removes a key. Delegations to it are of no use when the pages that have opened it have ended.
 *
 * @throws ArgumentError when an option is invalid; SigningError when the browser refuses or does not answer in time.
 *   The key may then still be there.
 */
export async function removeIndexedDbSigner(options: IndexedDbPlace = {}): Promise<void> {
  const given = readOptions('removeIndexedDbSigner', options, placeChecks)
  await withDatabase(given, (database) => database.remove(given.name))
}

const placeChecks = Object.freeze({
  database: withDefault(nonEmptyString, 'procura-signer'),
  name: withDefault(nonEmptyString, 'default'),
  timeoutMs: withDefault(milliseconds, 10_000),
})

/** Opens the database for a task. A database that another page holds, for example to remove it, may never open. */
function withDatabase<T>(
  { database, timeoutMs }: { readonly database: string; readonly timeoutMs: number },
  task: (database: KeyDatabase, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const reason = (): SigningError =>
    new SigningError(
      `the browser did not open the database of the key within ${timeoutMs} ms; close the other pages of this site`,
    )
  return withinDeadline(timeoutMs, { reason }, async (signal) => {
    const open = await openKeyDatabase(database)
    try {
      signal.throwIfAborted()
      return await task(open, signal)
    } finally {
      open.close()
    }
  })
}

async function keyOf(
  database: KeyDatabase,
  { clock, create, name }: { readonly clock: Clock; readonly create: boolean; readonly name: string },
  signal: AbortSignal,
): Promise<{ readonly key: StoredKey; readonly isNew: boolean }> {
  const kept = await database.get(name)
  if (kept !== undefined) return { key: kept, isNew: false }
  if (!create)
    throw new SigningError('the browser does not have the key; it was removed, or was made in another browser')
  const { privateKey, publicKey } = await generatePair()
  const made: StoredKey = { privateKey, publicKey, created: secondsOf(clock) }
  const key = await database.addOrGet(name, made, signal)
  return { key, isNew: key === made }
}

async function generatePair(): Promise<CryptoKeyPair> {
  const { subtle } = globalThis.crypto
  if (subtle === undefined) throw new SigningError('the page must be in a secure context; serve it by https')
  try {
    return (await subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])) as CryptoKeyPair
  } catch (cause) {
    if ((cause as Error).name !== 'NotSupportedError') throw new SigningError('the browser made no key', { cause })
    return subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  }
}

async function signerOf({ privateKey, publicKey }: StoredKey, did: Did | undefined): Promise<Signer> {
  try {
    return await webCryptoSigner({ privateKey, publicKey }, did === undefined ? {} : { did })
  } catch (cause) {
    // The caller passed no key; `did` was checked, but may be the did:key of another key.
    if (cause instanceof ArgumentError && cause.message.startsWith('webCryptoSigner'))
      throw new SigningError('the stored key is malformed; remove it with removeIndexedDbSigner', { cause })
    throw cause
  }
}
