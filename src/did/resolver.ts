/**
 * From a DID to the keys that may sign for it.
 *
 * @module
 */

import { ArgumentError, ResolutionError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { readTable, withMethod } from '../support/options.ts'
import { isPromiseLike } from '../support/promise.ts'
import { type Did, didMethod } from './did.ts'
import { parseDidKey, publicKey } from './did-key.ts'
import type { PublicKey } from './public-key.ts'

/** What a DID stands for now. */
export interface ResolvedDid {
  /** The keys that may sign delegations and invocations for the DID; one of them has to fit. */
  readonly keys: readonly PublicKey[]
  /** Fingerprint of the document that was read (`sha256-…` in base64url), for the audit; absent for `did:key`. */
  readonly documentHash?: string
}

/** Where the keys of a DID are looked up. */
export interface DidResolver {
  /**
   * Returns the keys of the DID, or undefined when there is no such DID or it is not of this resolver's kind. Throws
   * or rejects when it could not find out, which is never taken for an answer. May answer at once or by a promise. What is
   * answered at once for a `did:key`, which never changes, is not asked for again: a principal is shut out by storing its
   * DID as revoked, and not by another answer.
   */
  resolve(
    did: Did,
    options: { readonly signal?: AbortSignal | undefined },
  ): ResolvedDid | undefined | Promise<ResolvedDid | undefined>
}

/**
 * The keys that a resolver gave for a DID, each checked, and named by its own bytes whatever it says its name is: keys are
 * remembered by their names. A `did:key` has no key but itself. None when there was no answer, and of very many the first
 * 64, as strangers can write the document that they stand in.
 *
 * @throws MalformedError or TypeError when they are no keys.
 */
export function readKeys(did: Did, answer: ResolvedDid | undefined): readonly PublicKey[] {
  // DID-11
  const keys = (answer?.keys ?? []).slice(0, 64).map(({ algorithm, bytes }) => publicKey(algorithm, bytes))
  return didMethod(did) === 'key' ? keys.filter((key) => key.did === did) : keys
}

/**
 * The same, for who does not refuse whatever fails.
 *
 * @throws ResolutionError when they are no keys.
 */
export function keysOf(did: Did, answer: ResolvedDid | undefined): readonly PublicKey[] {
  try {
    return readKeys(did, answer)
  } catch (cause) {
    throw new ResolutionError(`the resolver gave no keys of ${did}`, { cause })
  }
}

/** Returns the resolver of `did:key`: at once, without I/O, and undefined for every other method. */
export function keyResolver(): DidResolver {
  return Object.freeze({
    resolve: (did: Did) => (didMethod(did) === 'key' ? { keys: [parseDidKey(did)] } : undefined),
  })
}

/**
 * Joins resolvers by DID method; a method without one resolves to undefined.
 *
 * @param resolvers - by method, for example `{ key: keyResolver(), web: webResolver() }`. Copied once.
 * @throws ArgumentError when one of them is no resolver, or there is none.
 */
export function compositeResolver(resolvers: Readonly<Record<string, DidResolver>>): DidResolver {
  const byMethod = new Map(Object.entries(readTable('compositeResolver', resolvers, withMethod('resolve'))))
  if (byMethod.size === 0)
    throw new ArgumentError('compositeResolver needs a resolver for a method, as in `{ key: keyResolver() }`')
  return Object.freeze({
    resolve: (did: Did, options: { readonly signal?: AbortSignal | undefined }) => {
      const answer = byMethod.get(didMethod(did))?.resolve(did, options)
      // One that answers at once stays so.
      return isPromiseLike(answer) ? unlessAborted(Promise.resolve(answer), options?.signal) : answer
    },
  })
}
