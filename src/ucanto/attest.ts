import { parseDid } from '../did/did.ts'
import { chooseExpiration } from '../envelope/lifetime.ts'
import type { Signer } from '../principal/signer.ts'
import { didString, maybe, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import { attestAbility } from './capability.ts'
import { checkToken, delegationLifetime, draftOf, type NewToken, newTokenChecks, tokensCheck } from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link attest}. */
export interface UcantoAttestOptions extends Omit<NewToken, 'audience' | 'attached'> {
  readonly issuer: Signer
  /** The DID in whose name it is attested. Default: the issuer. */
  readonly authority?: string
  /** What gives the issuer `ucan/attest` over that authority. Default: nothing, when it is the issuer. */
  readonly proofs?: readonly UcantoToken[]
}

/**
 * Says that the issuer of a delegation meant it, for services that list the authority in `attestationAuthorities`. It
 * is for the audience of that delegation, who names both as proofs, side by side. Attest only what you have asked the
 * issuer about: it replaces their signature.
 *
 * Valid for one hour unless you say otherwise, and the delegation counts no longer than that.
 *
 * @throws ArgumentError when an option is missing or makes no sense.
 * @throws MalformedError when `authority` is no DID.
 * @throws SigningError when the signer fails.
 */
export async function attest(delegation: UcantoToken, options: UcantoAttestOptions): Promise<UcantoToken> {
  checkToken('delegation', delegation)
  const given = readOptions('ucanto.attest', options, optionChecks)
  const { issuer, authority = issuer.did, proofs = [] } = given
  return sealToken({
    ...draftOf({ ...given, audience: delegation.audience }),
    capabilities: [{ can: attestAbility, with: parseDid(authority), nb: { proof: delegation.cid } }],
    expiration: chooseExpiration(given, delegationLifetime),
    proofs,
  })
}

const { audience: _, attached: __, ...commonForms } = newTokenChecks

const optionChecks: OptionChecks<UcantoAttestOptions> = Object.freeze({
  ...commonForms,
  issuer: withMethod('sign'),
  authority: maybe(didString),
  proofs: maybe(tokensCheck),
})
