import { ArgumentError } from '../../errors.ts'
import { type Did, didMethod } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import type { PublicKey } from '../did/public-key.ts'

/**
 * The DID that a key signs for: its `did:key`, or one whose document lists the key.
 *
 * @param did - the option `did`.
 * @throws ArgumentError when it is not a DID, or is the `did:key` of another key: no signature would be valid.
 */
export function signingDid(did: string | undefined, key: PublicKey): Did {
  if (did === undefined) return key.did
  const named = didOption('did', did)
  // SIG-15
  if (didMethod(named) === 'key' && named !== key.did) {
    throw new ArgumentError(`\`did\` is the did:key of another key; the did:key of this key is ${key.did}`)
  }
  return named
}
