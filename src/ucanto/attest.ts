import { parseDid } from '../core/did/did.ts'
import { chooseExpiration } from '../core/envelope/lifetime.ts'
import type { Signer } from '../core/principal/signer.ts'
import { didString, maybe, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import { attestAbility } from './capability.ts'
import { checkToken, delegationLifetime, draftOf, type NewToken, newTokenChecks, tokensOrNone } from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link attest}. */
export interface UcantoAttestOptions extends Omit<NewToken, 'audience' | 'attached'> {
  readonly issuer: Signer
  /** The DID of the authority. Default: the issuer. */
  readonly authority?: string
  /** Delegations that grant the issuer `ucan/attest` over the authority. Default: none, if it is the issuer itself. */
  readonly proofs?: readonly UcantoToken[]
}

/**
 * Attests that a delegation comes from its issuer, for services that list the authority in `attestationAuthorities`.
 * The attestation is issued to the audience of the delegation, who names both as proofs, side by side. It replaces the
 * signature of the issuer: attest only a delegation that the issuer has confirmed to you.
 *
 * It is valid for one hour by default, and the delegation no longer than that.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @throws MalformedError when `authority` is not a DID.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { absentIssuer, attest, delegate } from 'procura/ucanto'
 *
 * const issuer = absentIssuer('did:mailto:example.com:alice')
 * const login = await delegate({ issuer, audience: agent.did, command: '/mail' })
 * // After Alice confirmed the login by mail:
 * const session = await attest(login, { issuer: service })
 * const proofs = [login, session]
 * ```
 */
export async function attest(delegation: UcantoToken, options: UcantoAttestOptions): Promise<UcantoToken> {
  checkToken('delegation', delegation)
  const given = readOptions('ucanto.attest', options, optionChecks)
  const { issuer, authority = issuer.did, proofs } = given
  return sealToken({
    ...draftOf({ ...given, audience: delegation.audience }),
    capabilities: [{ can: attestAbility, with: parseDid(authority), nb: { proof: delegation.cid } }],
    expiration: chooseExpiration(given, delegationLifetime),
    proofs,
  })
}

const { audience: _, attached: __, ...commonChecks } = newTokenChecks

const optionChecks = Object.freeze({
  ...commonChecks,
  issuer: withMethod('sign'),
  authority: maybe(didString),
  proofs: tokensOrNone,
}) satisfies OptionChecks<UcantoAttestOptions>
