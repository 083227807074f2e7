import { type Did, didMethod } from '../did/did.ts'
import type { PublicKey } from '../did/public-key.ts'
import type { DidResolver, ResolvedDid } from '../did/resolver.ts'
import type { CryptoBackend, PreparedKey } from '../principal/backend/backend.ts'
import { createMemo } from './memo.ts'
import type { CallOptions } from './options.ts'
import { isPromiseLike } from './steps.ts'

/** Keys at hand: parsed and prepared once, as preparing one can cost as much as a verification. */
export interface KeyRing {
  /** The keys of a DID. Those of a `did:key` never change and are remembered; others are resolved each time. */
  resolve(
    did: Did,
    resolver: DidResolver,
    call: CallOptions,
  ): ResolvedDid | undefined | Promise<ResolvedDid | undefined>
  /** The key in the back end's form. */
  prepare(key: PublicKey, backend: CryptoBackend): PreparedKey | Promise<PreparedKey>
}

/** Most keys that are kept at hand. */
const maxKeys = 10_000

/** Makes a key ring for one back end. */
export function createKeyRing(): KeyRing {
  const resolved = createMemo<ResolvedDid>(maxKeys)
  const prepared = createMemo<PreparedKey>(maxKeys)
  return {
    resolve(did, resolver, call) {
      if (didMethod(did) !== 'key') return resolver.resolve(did, call)
      const known = resolved.get(did)
      if (known !== undefined) return known
      const answer = resolver.resolve(did, call)
      if (!isPromiseLike(answer) && answer !== undefined) resolved.add(did, answer)
      return answer
    },
    prepare(key, backend) {
      const known = prepared.get(key.did)
      if (known !== undefined) return known
      const made = backend.prepareKey(key)
      if (!isPromiseLike(made)) {
        prepared.add(key.did, made)
        return made
      }
      return made.then((value) => {
        prepared.add(key.did, value)
        return value
      })
    },
  }
}
