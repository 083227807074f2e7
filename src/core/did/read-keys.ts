/**
 * Reads the answers of resolvers, before the check that each key is a point of its curve.
 *
 * @module
 */

import { type Did, didMethod } from './did.ts'
import type { PublicKey } from './public-key.ts'
import { namedKey } from './read-did-key.ts'

/**
 * The keys in the answer of a resolver, each named by its bytes, because keys are cached under that name. Without an
 * answer there are no keys. At most the first 64 are used, because strangers can write the document.
 *
 * @throws MalformedError or TypeError when the form of a key is invalid.
 */
export function namedKeys(answer: { readonly keys: readonly PublicKey[] } | undefined): readonly PublicKey[] {
  // DID-11
  return (answer?.keys ?? []).slice(0, 64).map(({ algorithm, bytes }) => namedKey(algorithm, bytes))
}

/** The keys that count for a DID: the only key of a `did:key` is itself. */
export function keysFor(did: Did, keys: readonly PublicKey[]): readonly PublicKey[] {
  return didMethod(did) === 'key' ? keys.filter((key) => key.did === did) : keys
}
