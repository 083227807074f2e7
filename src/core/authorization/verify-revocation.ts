import type { CID } from 'multiformats/cid'
import { maybe, readOptions, refusePromise, withMethod } from '../../support/options.ts'
import { never, secondsOf, type Timestamp } from '../../time.ts'
import { commandCovers } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import { isTokenCid } from '../ipld/cid.ts'
import { type IpldMap, type IpldValue, isCid, isList } from '../ipld/value.ts'
import type { RevocationEntry, RevocationStore } from '../revocation/revocation-store.ts'
import { revokeCommand } from '../revocation/revoke.ts'
import type { Chain, ChainLink, Link, OpenInvocation } from './chain.ts'
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
 * chain. Anybody can sign a delegation and revoke it: `createService` takes revocations of its own owners alone, and a
 * service that adds entries itself has to decide whose revocations it stores.
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

/**
 * Verifies a revocation that another service accepted, as {@link verifyRevocation} does, but compares no times: that
 * service compared them when it accepted the revocation.
 */
export function verifyAcceptedRevocation(
  container: string | Uint8Array,
  options: Pick<VerificationOptions, 'resolver'>,
): Promise<RevocationVerdict> {
  return runAsync(decide(container, undefined, completeVerification(options), undefined, {}))
}

function* decide(
  container: string | Uint8Array,
  now: Timestamp | undefined,
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
  now: Timestamp | undefined,
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
  const proofs = orderProofs(invocation.fields.proofs, (key) => delegations.get(key), settings.bounds.proofs)
  if (isDenial(proofs)) return refuse(withSentence(proofs, undefined, settings))
  const path = orderProofs(named.path, (key) => delegations.get(key), settings.bounds.proofs)
  if (isDenial(path)) return refuse(withSentence(path, undefined, settings))
  const chain: Chain = { links: proofs, invocation }
  const upstream = isOwn(invocation, path) ? [] : path.slice(0, -1)
  const state = createSignatureState(settings.backend)
  const denial =
    checkAlignment(chain) ??
    checkWitness(path) ??
    checkRevoker(invocation, path) ??
    checkReach(invocation, path) ??
    (now === undefined ? undefined : (checkTimeBounds(chain, now, settings) ?? checkExpiry(upstream, now, settings))) ??
    (yield* checkSignatures(chain, settings, state, call)) ??
    (yield* checkPath(path, invocation, settings, state, call)) ??
    checkPolicies(chain) ??
    // RVK-09
    (revocations && (yield* checkRevocation(chain, { ...settings, revocations }, call))) ??
    (revocations && (yield* checkUpstream(upstream, invocation, { ...settings, revocations }, call)))
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

/** Whether the revoker is the issuer of the revoked delegation, or the owner of the authority. */
function isOwn({ fields: { subject } }: OpenInvocation, path: readonly ChainLink[]): boolean {
  const root = path[0]?.link
  return path.at(-1)?.link.issuer === subject || (root?.issuer === subject && root.subject === subject)
}

/**
 * RVK-14: another revoker is an issuer in a chain that can be used. A revocation that can never apply is not stored.
 *
 * Between two delegations of one principal, any number of others can be inserted; the chain can be used without them.
 */
function checkReach(invocation: OpenInvocation, path: readonly ChainLink[]): Denial | undefined {
  if (isOwn(invocation, path)) return undefined
  const { subject: revoker } = invocation.fields
  const links = path.map(({ link }) => link)
  const broader = links.findIndex(
    ({ command }, at) => at > 0 && !commandCovers((links[at - 1] as Link).command, command),
  )
  const isReached = links.some(({ issuer }, at) => {
    const before = new Set(links.slice(0, at).map((link) => link.issuer))
    return issuer === revoker && !links.slice(at + 1).some((link) => before.has(link.issuer))
  })
  if (links[0]?.issuer !== links[0]?.subject) {
    return reach(
      'root_not_subject',
      'does not begin with a delegation by its own subject; add the earlier delegations',
      0,
    )
  }
  if (broader >= 0)
    return reach('command_not_covered', 'has a delegation of a command that the one before it does not cover', broader)
  if (!isReached)
    return reach('principal_misaligned', 'passes through the revoker in a circle; list the shortest chain', 0)
  return undefined
}

/** RVK-14 */
function checkExpiry(
  upstream: readonly ChainLink[],
  now: Timestamp,
  { clockTolerance }: VerificationSettings,
): Denial | undefined {
  const at = upstream.findIndex(({ link: { expiration } }) => expiration !== never && now > expiration + clockTolerance)
  return at < 0 ? undefined : reach('expired', 'has an expired delegation before the revoked one', at)
}

/** No delegation before the revoked one is revoked itself. */
function* checkUpstream(
  upstream: readonly ChainLink[],
  invocation: OpenInvocation,
  settings: Parameters<typeof checkRevocation>[1] & VerificationSettings,
  call: CallOptions,
): Steps<Denial | undefined> {
  if (upstream.length === 0) return undefined
  const chain: Chain = { links: upstream, invocation }
  const refusal = yield* checkRevocation(chain, settings, call)
  return refusal && withSentence(refusal, chain, settings)
}

function reach(code: Denial['code'], fault: string, at: number): Denial {
  return { code, at, message: `the \`path\` of the revocation ${fault}`, requirement: 'RVK-14' }
}

function refuse(denial: Denial): RevocationVerdict {
  return Object.freeze({ accepted: false, denial: Object.freeze(denial) })
}
