import { type Did, didMethod, parseDid } from '../did/did.ts'
import { ArgumentError } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'

/** An issuer who has no key here, such as `did:mailto`, and does not sign. */
export interface AbsentIssuer {
  readonly did: Did
  readonly isAbsent: true
}

/**
 * Lets {@link delegate} write a delegation by somebody who cannot sign. It counts nowhere until an authority attests it:
 * see {@link attest}.
 *
 * @param did - such as `did:mailto:example.com:alice`.
 * @throws ArgumentError for a `did:key`, which can sign.
 * @throws MalformedError when it is no DID.
 */
export function absentIssuer(did: string): AbsentIssuer {
  const parsed = parseDid(did)
  if (didMethod(parsed) === 'key') throw new ArgumentError('a did:key signs itself and cannot be absent')
  return Object.freeze({ did: parsed, isAbsent: true })
}

/** Tells whether an issuer is absent. */
export function isAbsent(issuer: Signer | AbsentIssuer): issuer is AbsentIssuer {
  return 'isAbsent' in issuer
}
