import { createBoundedMap } from '../did/bounded-map.ts'
import type { Did } from '../did/did.ts'
import { readDidKey } from '../did/did-key.ts'
import type { PublicKey } from '../did/public-key.ts'
import type { ResolvedDid } from '../did/resolver.ts'
import type { CryptoBackend, PreparedKey } from '../principal/backend/backend.ts'
import type { CallOptions, VerificationSettings } from './options.ts'
import { isPromiseLike } from './steps.ts'

/** Keys at hand: parsed and prepared once, as preparing one can cost as much as a verification. */
export interface KeyRing {
  /**
   * The keys of a DID. Those of a `did:key` never change and are remembered; others are resolved each time. Whether an
   * Ed25519 key is a point of the curve may be left to the verification.
   */
  resolve(
    did: Did,
    settings: VerificationSettings,
    call: CallOptions,
  ): ResolvedDid | undefined | Promise<ResolvedDid | undefined>
  /** The key in the back end's form. */
  prepare(key: PublicKey, backend: CryptoBackend): PreparedKey | Promise<PreparedKey>
}

/** Most keys that are kept at hand. */
const maxKeys = 10_000

/** Makes a key ring for one back end. */
export function createKeyRing(): KeyRing {
  const resolved = createBoundedMap<ResolvedDid>(maxKeys)
  const prepared = createBoundedMap<PreparedKey>(maxKeys)
  return {
    resolve(did, settings, call) {
      if (!did.startsWith('did:key:')) return settings.resolver.resolve(did, call)
      const known = resolved.get(did)
      if (known !== undefined) return known
      const answer = isQuick(did, settings) ? { keys: [readDidKey(did)] } : settings.resolver.resolve(did, call)
      if (!isPromiseLike(answer) && answer !== undefined) resolved.set(did, answer)
      return answer
    },
    prepare(key, backend) {
      const known = prepared.get(key.did)
      if (known !== undefined) return known
      const made = backend.prepareKey(key)
      if (!isPromiseLike(made)) {
        prepared.set(key.did, made)
        return made
      }
      return made.then((value) => {
        prepared.set(key.did, value)
        return value
      })
    },
  }
}

/** Keys of Ed25519, when nobody wants them resolved in another way and the back end notices what is no point. */
function isQuick(did: Did, { backend, resolvesKeysOnly }: VerificationSettings): boolean {
  return resolvesKeysOnly && backend.checksPoints === true && did.startsWith('did:key:z6Mk')
}
