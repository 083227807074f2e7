import type { CID } from 'multiformats/cid'
import { authorizerOf } from '../core/authorization/authorize.ts'
import type { Denial } from '../core/authorization/denial.ts'
import {
  type AuthorizeOptions,
  authorizeChecks,
  callChecks,
  verificationChecks,
} from '../core/authorization/options.ts'
import type { CallOptions } from '../core/authorization/settings.ts'
import { defineCommand } from '../core/capability/definition.ts'
import type { StandardSchema } from '../core/capability/standard-schema.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { Did } from '../core/did/did.ts'
import { isTokenCid } from '../core/ipld/cid.ts'
import { type IpldValue, isCid } from '../core/ipld/value.ts'
import type { RevocationEntry, RevocationStore } from '../core/revocation/revocation-store.ts'
import { unlessAborted } from '../support/abort.ts'
import { arrayOf, callback, didString, type OptionChecks, readOptions, withDefault } from '../support/options.ts'
import { checkToken } from './new-token.ts'
import type { UcantoToken } from './token.ts'
import { ucantoFormat } from './ucanto-format.ts'

/** Options of {@link verifyRevocation}. */
export interface UcantoRevocationOptions
  extends CallOptions,
    Pick<
      AuthorizeOptions,
      'backend' | 'clock' | 'clockTolerance' | 'bounds' | 'maxInvocationLifetime' | 'onError' | 'resolver'
    > {
  /** The DID of this service, to which the revocation must be addressed. */
  readonly audience: string
  /** See {@link ucantoFormat}: a principal without a key revokes through an agent. Default: none. */
  readonly attestationAuthorities?: readonly string[]
  /** The store of revocations: the right to revoke can be delegated and revoked itself. */
  readonly revocations: RevocationStore
  /**
   * Returns the delegation to revoke, with its proofs, among those that this service has seen, or undefined. Without
   * this check a caller could fill the store with names of delegations that do not exist.
   */
  readonly find: (cid: CID) => UcantoToken | undefined | Promise<UcantoToken | undefined>
}

/** The result of {@link verifyRevocation}. Pass `entry` to `RevocationRegistry.add`. */
export type UcantoRevocationVerdict =
  | { readonly accepted: true; readonly entry: RevocationEntry; readonly target: CID }
  | { readonly accepted: false; readonly denial: Denial }

const link = schema((value) => isLink(value))
const links = { ...schema((value) => Array.isArray(value) && value.every(isLink)), optional: true as const }

/** `ucan/revoke`: the delegation, and the path from it to the revoker, which is not needed here. */
const revoke = defineCommand({ command: '/ucan/revoke', args: { ucan: link, proof: links }, idempotent: true })

const { accept: _, acceptRedundantFields: __, ...readingChecks } = verificationChecks

const optionChecks = Object.freeze({
  ...callChecks,
  ...readingChecks,
  maxInvocationLifetime: authorizeChecks.maxInvocationLifetime,
  audience: authorizeChecks.audience,
  revocations: authorizeChecks.revocations,
  attestationAuthorities: withDefault(arrayOf(didString), []),
  find: callback,
}) satisfies OptionChecks<UcantoRevocationOptions>

/**
 * Checks a revocation in the form of 0.9: an invocation of `ucan/revoke` over the DID of the revoker, with the
 * delegation in `nb.ucan`. UCT-47: The revoker issued that delegation, or a delegation in its proof chain. Invalid
 * bytes are a denial and not an error.
 *
 * An accepted revocation applies only to chains that contain the revoker; `authorize` checks that for each chain.
 *
 * @param container - the archive or message with the invocation.
 * @throws ArgumentError when an option is invalid, or `find` returns anything but a token or undefined.
 * @throws the error of `find`, or the reason of the signal when it is aborted while `find` runs.
 */
export async function verifyRevocation(
  container: string | Uint8Array,
  options: UcantoRevocationOptions,
): Promise<UcantoRevocationVerdict> {
  const { find, signal, attestationAuthorities, ...others } = readOptions(
    'ucanto.verifyRevocation',
    options,
    optionChecks,
  )
  const authorizer = authorizerOf({
    ...others,
    subjects: anySubject,
    commands: [revoke],
    // A repeated revocation has the same effect as the first, so replays are harmless.
    replay: { claim: () => true },
    formats: [ucantoFormat({ attestationAuthorities })],
  })
  const decision = await authorizer.authorize(container, { signal })
  if (!decision.allowed) return Object.freeze({ accepted: false, denial: decision.denial })
  const { subject, args } = decision.authorization
  const target = args.ucan as CID
  const found = await unlessAborted(() => find(target), signal)
  const token = found === undefined ? undefined : checkToken('find', found)
  if (token === undefined || !token.cid.equals(target)) {
    return refuse('proof_missing', 'the delegation to revoke is not known to this service', [target])
  }
  if (!issuedInChain(subject, token))
    return refuse(
      'root_not_subject',
      `${subject} issued neither the delegation nor one in its proof chain; its issuer, or one earlier in the chain, can revoke it`,
    )
  const entry: RevocationEntry = Object.freeze({
    ids: Object.freeze([target.toString()]),
    revoker: subject,
    expiration: token.expiration,
  })
  return Object.freeze({ accepted: true, entry, target })
}

/** Whether a principal issued a token or one in its proof chain. Other included tokens do not count. */
function issuedInChain(issuer: Did, start: UcantoToken): boolean {
  const waiting: UcantoToken[] = [start]
  const seen = new Set<UcantoToken>()
  for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
    if (token.issuer === issuer) return true
    if (seen.has(token)) continue
    seen.add(token)
    waiting.push(...token.proofs.flatMap((proof) => start.included.get(proof.toString()) ?? []))
  }
  return false
}

function refuse(
  code: 'proof_missing' | 'root_not_subject',
  message: string,
  missing?: readonly CID[],
): UcantoRevocationVerdict {
  const denial: Denial = { code, message, requirement: 'UCT-47', ...(missing !== undefined && { missing }) }
  return Object.freeze({ accepted: false, denial: Object.freeze(denial) })
}

function isLink(value: unknown): boolean {
  return isCid(value as IpldValue) && isTokenCid(value as CID)
}

function schema(accepts: (value: unknown) => boolean): StandardSchema {
  const validate = (
    value: unknown,
  ): { readonly value: unknown } | { readonly issues: readonly { readonly message: string }[] } =>
    accepts(value) ? { value } : { issues: [{ message: 'must be the CID of a token' }] }
  return { '~standard': { version: 1, vendor: 'procura', validate } }
}
