import { createBoundedMap } from '../../../support/bounded-map.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import { assertOnCurve } from '../../did/assert-on-curve.ts'
import { type Did, didMethod } from '../../did/did.ts'
import type { PublicKey } from '../../did/public-key.ts'
import { readDidKey } from '../../did/read-did-key.ts'
import { keysFor, namedKeys } from '../../did/read-keys.ts'
import type { CryptoBackend, PreparedKey } from '../../principal/backend/backend.ts'
import type { CallOptions, VerificationSettings } from '../settings.ts'
import { type Steps, waitUnlessAborted } from './steps.ts'

/** A cache of keys, parsed and prepared once, because preparing a key can cost as much as a verification. */
export interface KeyRing {
  /**
   * The keys of a DID. The key of a `did:key` never changes; it is remembered if the resolver answers synchronously.
   * Other DIDs are resolved each time. Without a resolver, the check that the key of a `did:key` is a point of its
   * curve is left to the verification. Throws when the resolver throws, or returns invalid keys.
   */
  resolve(did: Did, settings: VerificationSettings, call: CallOptions): Steps<readonly PublicKey[]>
  /** The only key of a `did:key` and its form of the back end, if both were made before; undefined otherwise. */
  ready(did: Did): ReadyKey | undefined
  /** The key in the back end's form. */
  prepare(key: PublicKey, backend: CryptoBackend): PreparedKey | Promise<PreparedKey>
}

/** A key that can verify. */
export interface ReadyKey {
  readonly key: PublicKey
  readonly prepared: PreparedKey
}

/** The list that a resolver returned, and the keys in it. A list that cannot change is not read twice. */
interface Resolved {
  readonly list: unknown
  readonly keys: readonly PublicKey[]
  /** Set for a `did:key` once its key is prepared. Always an own property: an inherited one would be another key. */
  ready: ReadyKey | undefined
}

/** Maximum number of DIDs, and of keys, that are remembered. */
const maxKeys = 10_000

/** Makes a key ring for one back end. */
export function createKeyRing(): KeyRing {
  const resolved = createBoundedMap<Resolved>(maxKeys)
  const prepared = createBoundedMap<PreparedKey>(maxKeys)
  const remember = (did: Did, list: unknown, keys: readonly PublicKey[]): readonly PublicKey[] => {
    resolved.set(did, { list, keys, ready: undefined })
    return keys
  }
  return {
    *resolve(did, settings, call) {
      const known = resolved.get(did)
      const isKey = didMethod(did) === 'key'
      // The key of a `did:key` never changes.
      if (isKey && known !== undefined) return known.keys
      // The check that the key is a point of the curve is left to the verification.
      if (isKey && settings.resolver === undefined) return remember(did, undefined, [readDidKey(did)])
      const asked = settings.resolver?.resolve(did, call)
      const answer = yield* waitUnlessAborted(asked, call)
      const list = answer?.keys
      // A resolver may reuse its answer object and change the list in it; a frozen list cannot have changed.
      if (known !== undefined && list !== undefined && known.list === list && Object.isFrozen(list)) return known.keys
      const given = namedKeys(answer)
      for (const key of given) assertOnCurve(key)
      const keys = keysFor(did, given)
      // An asynchronous resolver of `did:key` may have asked for more than the key, so it is asked again next time.
      const isRepeated = isKey && isPromiseLike(asked)
      return isRepeated ? keys : remember(did, list, keys)
    },
    ready: (did) => resolved.get(did)?.ready,
    prepare(key, backend) {
      const known = prepared.get(key.did)
      if (known !== undefined) return known
      const made = backend.prepareKey(key)
      if (!isPromiseLike(made)) {
        prepared.set(key.did, made)
        const known = resolved.get(key.did)
        // The name of the key is its DID, so this is the entry of the `did:key` itself.
        if (known?.keys.length === 1) known.ready = { key, prepared: made }
        return made
      }
      return made.then((value) => {
        prepared.set(key.did, value)
        return value
      })
    },
  }
}
