/**
 * Resolves DIDs to the keys that may sign for them.
 *
 * @module
 */

import { ArgumentError, ResolutionError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { readTable, withMethod } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { assertOnCurve } from './assert-on-curve.ts'
import { type Did, didMethod } from './did.ts'
import { parseDidKey } from './did-key.ts'
import type { PublicKey } from './public-key.ts'
import { keysFor, namedKeys } from './read-keys.ts'

/** The current keys of a DID. */
export interface ResolvedDid {
  /** The keys that may sign delegations and invocations for the DID. A signature must verify with one of them. */
  readonly keys: readonly PublicKey[]
  /** Hash of the document (`sha256-…` in base64url), for the audit; absent for `did:key`. */
  readonly documentHash?: string
}

/** Finds the keys of a DID. */
export interface DidResolver {
  /**
   * Returns the keys of the DID, or undefined when the DID does not exist or the resolver does not support its method.
   * Throws or rejects when the resolution fails; then the call is refused. May return a promise. A `did:key` never
   * changes, so its synchronous answer may be cached for ever: to exclude such a principal, revoke its DID.
   */
  resolve(
    did: Did,
    options: { readonly signal?: AbortSignal | undefined },
  ): ResolvedDid | undefined | Promise<ResolvedDid | undefined>
}

/**
 * The keys in the answer of a resolver. Each is checked, and its `did` is computed from its bytes, because keys are
 * cached under that name. The only key of a `did:key` is itself. Without an answer there are no keys. At most the first
 * 64 are used, because strangers can write the document.
 *
 * @throws MalformedError or TypeError when a key is invalid.
 */
export function readKeys(did: Did, answer: ResolvedDid | undefined): readonly PublicKey[] {
  const keys = namedKeys(answer)
  keys.forEach(assertOnCurve)
  return keysFor(did, keys)
}

/**
 * Like {@link readKeys}, with one type of error.
 *
 * @throws ResolutionError when a key is invalid.
 */
export function keysOf(did: Did, answer: ResolvedDid | undefined): readonly PublicKey[] {
  try {
    return readKeys(did, answer)
  } catch (cause) {
    throw new ResolutionError(`the resolver returned invalid keys of ${did}`, { cause })
  }
}

/** Makes a resolver of `did:key`. It is synchronous and without I/O, and returns undefined for every other method. */
export function keyResolver(): DidResolver {
  return Object.freeze({
    resolve: (did: Did) => (didMethod(did) === 'key' ? { keys: [parseDidKey(did)] } : undefined),
  })
}

/**
 * Combines resolvers by DID method. A method without a resolver resolves to undefined.
 *
 * @param resolvers - by method, for example `{ key: keyResolver(), web: webResolver() }`. The object is copied.
 * @throws ArgumentError when one of them is not a resolver, or the object is empty.
 */
export function compositeResolver(resolvers: Readonly<Record<string, DidResolver>>): DidResolver {
  const byMethod = new Map(Object.entries(readTable('compositeResolver', resolvers, withMethod('resolve'))))
  if (byMethod.size === 0)
    throw new ArgumentError('compositeResolver: pass at least one resolver, such as `{ key: keyResolver() }`')
  return Object.freeze({
    resolve: (did: Did, options: { readonly signal?: AbortSignal | undefined }) => {
      const answer = byMethod.get(didMethod(did))?.resolve(did, options)
      // A synchronous answer stays synchronous.
      return isPromiseLike(answer) ? unlessAborted(Promise.resolve(answer), options?.signal) : answer
    },
  })
}
