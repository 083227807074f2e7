/**
 * Keys that were met before, parsed and prepared.
 *
 * @module
 */

import { parseDidKey } from '../did/did-key.ts'
import type { PublicKey } from '../did/public-key.ts'
import { ArgumentError } from '../errors.ts'
import { type BoundedMap, createBoundedMap } from '../support/bounded-map.ts'
import type { CryptoBackend, PreparedKey } from './backend/backend.ts'

/** A bounded memory of keys. A key never changes its meaning, so that nothing in it can become wrong. */
export interface KeyCache {
  /** Returns what `parseDidKey` returns, and throws what it throws; failures are not remembered. */
  publicKey(did: string): PublicKey
  /** Returns what the back end's `prepareKey` returns; failures are not remembered. */
  prepared(key: PublicKey): PreparedKey | Promise<PreparedKey>
}

/** Options of {@link createKeyCache}. */
export interface KeyCacheOptions {
  /** The back end that prepares the keys and will use them. */
  readonly backend: CryptoBackend
  /** The most keys to keep; default 10,000. Each takes about 5 kB on Node. */
  readonly max?: number
}

/**
 * Makes a key cache. Who verifies keeps one for as long as it lives.
 *
 * @throws ArgumentError when `max` is not a whole number from 2 up.
 */
export function createKeyCache({ backend, max = 10_000 }: KeyCacheOptions): KeyCache {
  if (!Number.isSafeInteger(max) || max < 2) throw new ArgumentError('`max` must be a whole number from 2 up')
  const parsed: BoundedMap<PublicKey> = createBoundedMap(max)
  const prepared: BoundedMap<PreparedKey> = createBoundedMap(max)
  return Object.freeze({
    publicKey: (did: string) => {
      const known = parsed.get(did)
      if (known !== undefined) return known
      const key = parseDidKey(did)
      parsed.set(did, key)
      return key
    },
    prepared: (key: PublicKey) => {
      const known = prepared.get(key.did)
      if (known !== undefined) return known
      const fresh = backend.prepareKey(key)
      if (!(fresh instanceof Promise)) {
        prepared.set(key.did, fresh)
        return fresh
      }
      return fresh.then((value) => {
        prepared.set(key.did, value)
        return value
      })
    },
  })
}
