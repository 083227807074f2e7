import type { CID } from 'multiformats/cid'
import { ArgumentError } from '../../errors.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  maybe,
  type OptionChecks,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { never } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import { didOption } from '../did/did-option.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { delegationCheck, type ProofLike, sealInvocation } from '../invocation/invoke.ts'
import { isTokenCid } from '../ipld/cid.ts'
import { type IpldValue, isCid } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'

/** The command of revocations (UCAN Revocation 1.0.0-rc.1). */
export const revokeCommand: Command = '/ucan/revoke' as Command

/** Options of {@link revoke}. */
export interface RevokeOptions {
  /** The revoker, who signs: the issuer of the delegation or of an earlier one in its chain, or their delegate. */
  readonly issuer: Signer
  /** The delegation to revoke. */
  readonly delegation: { readonly cid: CID }
  /**
   * The chain up to and including the delegation, root first. It shows that the revoker is one of its issuers.
   * Default: the delegation alone.
   */
  readonly path?: readonly { readonly cid: CID }[]
  /** The principal whose right to revoke is used. Default: the issuer. */
  readonly subject?: string
  /** Delegations of `/ucan/revoke` by that principal, if it is not the issuer. Default: none. */
  readonly proofs?: readonly ProofLike[]
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Revokes a delegation permanently. Send the revocation with the chain that proves the right to revoke:
 * `encodeContainer([revocation, ...path])`. A revocation does not expire. Two revocations of one delegation by one
 * issuer are equal, because the nonce is empty.
 *
 * Delegations that were derived from it are revoked too. Its audience can receive a new delegation at any time.
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
    {
      signal: given.signal,
      accept({ revoke: target, path = [] }) {
        if (![target, ...(path as readonly IpldValue[])].every((cid) => isCid(cid) && isTokenCid(cid))) {
          throw new ArgumentError(
            '`delegation` and `path` must have CIDs of delegations (CIDv1, dag-cbor, sha2-256); pass delegations that `delegate` or `decodeDelegation` returned',
          )
        }
      },
    },
  )
}

const optionChecks: OptionChecks<RevokeOptions> = Object.freeze({
  issuer: withMethod('sign'),
  delegation: delegationCheck,
  path: maybe(arrayOf(delegationCheck)),
  subject: anything,
  proofs: maybe(arrayOf(delegationCheck)),
  signal: abortSignal,
})
