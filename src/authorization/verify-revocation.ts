import type { CID } from 'multiformats/cid'
import type { Did } from '../did/did.ts'
import { isTokenCid } from '../ipld/cid.ts'
import { type IpldMap, type IpldValue, isCid, isList } from '../ipld/value.ts'
import type { RevocationEntry, RevocationStore } from '../revocation/revocation-store.ts'
import { revokeCommand } from '../revocation/revoke.ts'
import { maybe, readOptions, refusePromise, withMethod } from '../support/options.ts'
import { secondsOf, type Timestamp } from '../time.ts'
import type { Chain, ChainLink, OpenInvocation } from './chain.ts'
import { checkAlignment, checkWitness } from './checks/alignment.ts'
import { checkPolicies } from './checks/policy.ts'
import { checkRevocation } from './checks/revocation.ts'
import { checkLinkSignatures, checkSignatures, createSignatureState, type SignatureState } from './checks/signatures.ts'
import { checkTimeBounds } from './checks/time-bounds.ts'
import { type Denial, isDenial } from './denial.ts'
import { checkInput, internalError } from './denial-of.ts'
import { withSentence } from './explain-denial.ts'
import { readTokens } from './formats/read-tokens.ts'
import { orderProofs } from './formats/standard-format.ts'
import { createCaches } from './machinery/caches.ts'
import { runAsync, type Steps } from './machinery/steps.ts'
import { callChecks, completeVerification, type VerificationOptions, verificationChecks } from './options.ts'
import type { CallOptions, VerificationSettings } from './settings.ts'

/** Options of {@link verifyRevocation}. Tokens are read and verified as by `authorize`. */
export interface VerifyRevocationOptions extends CallOptions, VerificationOptions {
  /**
   * The store of revocations: a revocation by a revoked right is refused. Default: a right is valid until it expires.
   */
  readonly revocations?: RevocationStore
}

/** The answer of {@link verifyRevocation}. An entry is for `RevocationRegistry.add`. */
export type RevocationVerdict =
  | { readonly accepted: true; readonly entry: RevocationEntry; readonly target: CID }
  | { readonly accepted: false; readonly denial: Denial }

/**
 * Verifies a received revocation: its signature, and that the revoker is an issuer in the chain of the revoked
 * delegation. The container has the revocation, the delegation it names and, if the revoker did not issue that one, the
 * chain that leads to it. Invalid bytes are a verdict, not an error.
 *
 * An accepted revocation applies only in chains in which the revoker is an issuer; `authorize` checks that for each
 * chain.
 *
 * @throws ArgumentError when an option is not of its type.
 *
 * @example
 * ```ts
 * import { verifyRevocation } from 'procura/revocation'
 *
 * const verdict = await verifyRevocation(received, { revocations })
 * if (verdict.accepted) await revocations.add(verdict.entry)
 * ```
 */
export async function verifyRevocation(
  container: string | Uint8Array,
  options: VerifyRevocationOptions = {},
): Promise<RevocationVerdict> {
  const { signal, revocations, ...reading } = readOptions('verifyRevocation', options, {
    ...callChecks,
    ...verificationChecks,
    revocations: maybe(withMethod('findRevocations')),
  })
  refusePromise('container', container)
  const invalid = checkInput(container)
  if (invalid !== undefined) return refuse(invalid)
  const settings = completeVerification(reading)
  const now = secondsOf(settings.clock)
  return runAsync(decide(container, now, settings, revocations, { signal }))
}

function* decide(
  container: string | Uint8Array,
  now: Timestamp,
  settings: VerificationSettings,
  revocations: RevocationStore | undefined,
  call: CallOptions,
): Steps<RevocationVerdict> {
  try {
    return yield* verify(container, now, settings, revocations, call)
  } catch (error) {
    return refuse(withSentence(internalError(error, settings), undefined, settings))
  }
}

function* verify(
  container: string | Uint8Array,
  now: Timestamp,
  settings: VerificationSettings,
  revocations: RevocationStore | undefined,
  call: CallOptions,
): Steps<RevocationVerdict> {
  const tokens = yield* readTokens(container, settings, createCaches(0))
  if (isDenial(tokens)) return refuse(withSentence(tokens, undefined, settings))
  const { invocation, delegations } = tokens
  const named = readArgs(invocation.fields.args)
  if (invocation.fields.command !== revokeCommand || named === undefined) {
    return refuse({ code: 'malformed', message: 'the token is not a revocation', requirement: 'RVK-01' })
  }
  const proofs = orderProofs(invocation.fields.proofs, (key) => delegations.get(key), settings.limits.proofs)
  if (isDenial(proofs)) return refuse(withSentence(proofs, undefined, settings))
  const path = orderProofs(named.path, (key) => delegations.get(key), settings.limits.proofs)
  if (isDenial(path)) return refuse(withSentence(path, undefined, settings))
  const chain: Chain = { links: proofs, invocation }
  const state = createSignatureState(settings.backend)
  const denial =
    checkAlignment(chain) ??
    checkWitness(path) ??
    checkRevoker(invocation, path) ??
    checkTimeBounds(chain, now, settings) ??
    (yield* checkSignatures(chain, settings, state, call)) ??
    (yield* checkPath(path, invocation, settings, state, call)) ??
    checkPolicies(chain) ??
    // RVK-09
    (revocations && (yield* checkRevocation(chain, { ...settings, revocations }, call)))
  if (denial !== undefined) return refuse(withSentence(denial, chain, settings))
  const { link } = path.at(-1) as ChainLink
  const entry: RevocationEntry = {
    ids: Object.freeze([named.target.toString(), ...(link.twin === undefined ? [] : [link.twin])]),
    revoker: invocation.fields.subject,
    expiration: link.expiration,
  }
  return Object.freeze({ accepted: true, entry: Object.freeze(entry), target: named.target })
}

interface Named {
  readonly target: CID
  readonly path: readonly CID[]
}

/** Reads `revoke` and `path`. The path ends with the revoked delegation; by default it is that delegation alone. */
function readArgs(args: IpldMap): Named | undefined {
  const { revoke: target, path, ...rest } = args
  if (Object.keys(rest).length > 0 || !isTokenLink(target)) return undefined
  if (path === undefined) return { target, path: [target] }
  if (!isList(path) || !path.every(isTokenLink) || !path.at(-1)?.equals(target)) return undefined
  return { target, path }
}

function isTokenLink(value: IpldValue | undefined): value is CID {
  return isCid(value) && isTokenCid(value)
}

/**
 * The delegations of the path are signed by their issuers. The sentence is about the path, not the proofs of the
 * revocation.
 */
function* checkPath(
  path: readonly ChainLink[],
  invocation: OpenInvocation,
  settings: VerificationSettings,
  state: SignatureState,
  call: CallOptions,
): Steps<Denial | undefined> {
  const refusal = yield* checkLinkSignatures(path, settings, state, call)
  return refusal && withSentence(refusal, { links: path, invocation }, settings)
}

/** The principal whose right to revoke is used issued the delegation, or an earlier one. */
function checkRevoker(invocation: OpenInvocation, path: readonly ChainLink[]): Denial | undefined {
  const revoker: Did = invocation.fields.subject
  if (path.some(({ link }) => link.issuer === revoker)) return undefined
  return {
    code: 'root_not_subject',
    message: `${revoker} issued neither the revoked delegation nor an earlier one in \`path\`; add the delegation that it issued to \`path\``,
    requirement: 'RVK-02',
    detail: { kind: 'principal', expected: path.map(({ link }) => link.issuer), found: revoker },
  }
}

function refuse(denial: Denial): RevocationVerdict {
  return Object.freeze({ accepted: false, denial: Object.freeze(denial) })
}
