import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import { didOption } from '../did/did-option.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { delegationCheck, type ProofLike, sealInvocation } from '../invocation/invoke.ts'
import type { Signer } from '../principal/signer.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  maybe,
  type OptionChecks,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { never } from '../time.ts'

/** The command of revocations (UCAN Revocation 1.0.0-rc.1). */
export const revokeCommand: Command = '/ucan/revoke' as Command

/** Options of {@link revoke}. */
export interface RevokeOptions {
  /** Who revokes, and signs: the issuer of the delegation, or of one before it in its chain, or their delegate. */
  readonly issuer: Signer
  /** The delegation that shall no longer count. */
  readonly delegation: { readonly cid: CID }
  /** The chain that leads to the delegation, root first, it included: shows that the revoker stands in it. */
  readonly path?: readonly { readonly cid: CID }[]
  /** Whose right to revoke is used. Default: the issuer's own. */
  readonly subject?: string
  /** Delegations of `/ucan/revoke` by that subject, when the right is not the issuer's own. */
  readonly proofs?: readonly ProofLike[]
  /** Ends a signer that takes too long. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Revokes a delegation, for good. Send it with what proves the right to: `encodeContainer([revocation, ...path])`. A
 * revocation does not expire, and two of the same delegation by the same issuer are one: its nonce is empty.
 *
 * What was delegated further ends with it. Its audience can be given a new delegation at any time.
 *
 * @throws ArgumentError when an option is missing or not of its type.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { encodeContainer } from 'procura'
 * import { revoke } from 'procura/revocation'
 *
 * const revocation = await revoke({ issuer: owner, delegation: grant })
 * const container = encodeContainer([revocation, grant]) // for the services that accept the delegation
 * ```
 */
export async function revoke(options: RevokeOptions): Promise<Invocation> {
  const given = readOptions('revoke', options, optionChecks)
  const { issuer, delegation, path, proofs = [] } = given
  return sealInvocation(
    {
      issuer: issuer.did,
      subject: given.subject === undefined ? issuer.did : didOption('subject', given.subject),
      command: revokeCommand,
      args: {
        revoke: delegation.cid,
        ...(path === undefined || path.length === 0 ? {} : { path: path.map(({ cid }) => cid) }),
      },
      proofs: proofs.map(({ cid }) => cid),
      nonce: new Uint8Array(0),
      expiration: never,
    },
    issuer,
    given.signal,
  )
}

const optionChecks: OptionChecks<RevokeOptions> = Object.freeze({
  issuer: withMethod('sign'),
  delegation: delegationCheck,
  path: maybe(arrayOf(delegationCheck)),
  subject: anything,
  proofs: maybe(arrayOf(delegationCheck)),
  signal: maybe(abortSignal),
})
