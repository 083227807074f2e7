import { ArgumentError, MalformedError } from '../../errors.ts'
import { anything, maybe, readOptions, refusePromise, withMethod } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { type Never, never, secondsOf, type Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { anySubject } from '../capability/subject.ts'
import { splitContainer } from '../container/container.ts'
import { delegationOf } from '../delegation/decode-delegation.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import { isLenient } from '../envelope/complete-decoding.ts'
import { copyToken, openEnvelope } from '../envelope/open.ts'
import { cidOfKey, digestKey } from '../ipld/cid.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
import type { Chain, ChainLink, OpenInvocation } from './chain.ts'
import { checkAlignment } from './checks/alignment.ts'
import { checkRevocation } from './checks/revocation.ts'
import { checkLinkSignatures, createSignatureState } from './checks/signatures.ts'
import { checkTimeBounds } from './checks/time-bounds.ts'
import { type Denial, isDenial } from './denial.ts'
import { checkInput, denialOf, internalError } from './denial-of.ts'
import { withSentence } from './explain-denial.ts'
import { readLink } from './formats/read-tokens.ts'
import { createCaches } from './machinery/caches.ts'
import { runAsync, type Steps, wait } from './machinery/steps.ts'
import { callChecks, completeVerification, type VerificationOptions, verificationChecks } from './options.ts'
import type { CallOptions, VerificationSettings } from './settings.ts'

/** Options of {@link verifyDelegation}. Tokens are read and verified as by `authorize`. */
export interface VerifyDelegationOptions extends CallOptions, VerificationOptions {
  /** The DID of the principal that the delegation must be for. Default: any. */
  readonly audience?: string
  /** The store of revocations. Default: revocations are not looked up. */
  readonly revocations?: RevocationStore
}

/** A delegation that was verified, and the authority of its whole chain. */
export interface VerifiedDelegation {
  readonly verified: true
  /** The delegation: the last of the chain. */
  readonly delegation: Delegation
  /** The whole chain, root first, the delegation last: the `proofs` of `invoke` and `attenuate`. */
  readonly proofs: readonly Delegation[]
  /** The owner of the authority. */
  readonly subject: Did
  /** The command that it gives, with all commands below it. */
  readonly command: Command
  /** The statements of all delegations of the chain. All of them must hold. */
  readonly policy: Policy
  /** The first second in which the whole chain is valid; absent if there is no bound. */
  readonly notBefore?: Timestamp
  /** The last second in which the whole chain is valid. */
  readonly expiration: Timestamp | Never
}

/** The answer of {@link verifyDelegation}. */
export type DelegationVerdict = VerifiedDelegation | { readonly verified: false; readonly denial: Denial }

/**
 * Verifies a delegation with the chain that leads to it, before it is stored, shown or passed on: signatures, time,
 * subject, commands and, with the options, the audience and revocations. Invalid bytes are a verdict, not an error.
 *
 * @param delegations - the chain as a list, root first, or as a container with this one chain.
 * @throws ArgumentError when an option or an item of the list is not of its type.
 *
 * @example
 * ```ts
 * import { verifyDelegation } from 'procura/authorization'
 * import { describePolicy } from 'procura/policy'
 *
 * const verdict = await verifyDelegation(received, { audience: agent.did })
 * if (verdict.verified) console.log(verdict.command, describePolicy(verdict.policy))
 * else console.log(verdict.denial.message)
 * ```
 */
export async function verifyDelegation(
  delegations: string | Uint8Array | readonly Delegation[],
  options: VerifyDelegationOptions = {},
): Promise<DelegationVerdict> {
  const { signal, revocations, audience, ...reading } = readOptions('verifyDelegation', options, {
    ...callChecks,
    ...verificationChecks,
    audience: anything,
    revocations: maybe(withMethod('findRevocations')),
  })
  refusePromise('delegations', delegations)
  const settings = completeVerification(reading)
  const expected = audience === undefined ? undefined : didOption('audience', audience)
  const listed = Array.isArray(delegations) ? listedBytes(delegations) : undefined
  const input = listed ?? (delegations as string | Uint8Array)
  const invalid = listed === undefined ? checkInput(delegations) : undefined
  if (invalid !== undefined) return refuse(invalid)
  return runAsync(decide(input, { settings, expected, revocations, call: { signal } }))
}

interface Question {
  readonly settings: VerificationSettings
  readonly expected: Did | undefined
  readonly revocations: RevocationStore | undefined
  readonly call: CallOptions
}

/** A token that was read, and its link. */
interface OpenDelegation {
  readonly delegation: Delegation
  readonly chained: ChainLink
}

/** Copies the bytes, which may change during a wait. The fields of the object are not trusted. */
function listedBytes(list: readonly unknown[]): readonly Uint8Array[] {
  if (list.length === 0) throw new ArgumentError('verifyDelegation: `delegations` must be a non-empty list')
  return list.map((item, at) => {
    refusePromise(`delegations[${at}]`, item)
    const { kind, bytes } = Object(item) as { readonly kind?: unknown; readonly bytes?: unknown }
    if (kind === 'delegation' && bytes instanceof Uint8Array) return copyToken(bytes)
    throw new ArgumentError(`verifyDelegation: \`delegations[${at}]\` must be a delegation`)
  })
}

function* decide(input: string | Uint8Array | readonly Uint8Array[], question: Question): Steps<DelegationVerdict> {
  const { settings } = question
  try {
    const now = secondsOf(settings.clock)
    const isList = Array.isArray(input)
    const tokens = isList ? (input as readonly Uint8Array[]) : yield* split(input as string | Uint8Array, settings)
    if (isDenial(tokens)) return refuse(tokens)
    // PRF-17: no invocation could use a longer one.
    if (tokens.length > settings.bounds.proofs) return refuse(tooLong(tokens.length, settings.bounds.proofs))
    const opened: OpenDelegation[] = []
    for (const [index, bytes] of tokens.entries()) {
      const one = yield* open(bytes, index, settings)
      if (isDenial(one)) return refuse(one)
      opened.push(one)
    }
    const chain = isList ? opened : inOrder(opened)
    return isDenial(chain) ? refuse(chain) : yield* judge(chain, now, question)
  } catch (error) {
    return refuse(withSentence(internalError(error, settings), undefined, settings))
  }
}

function* split(input: string | Uint8Array, settings: VerificationSettings): Steps<readonly Uint8Array[] | Denial> {
  try {
    const tokens = splitContainer(input, settings.bounds)
    // The delegations of the verdict have memory of their own.
    return (isPromiseLike(tokens) ? yield* wait(tokens) : tokens).map((token) => new Uint8Array(token))
  } catch (error) {
    return denialOf(error)
  }
}

function* open(bytes: Uint8Array, index: number, settings: VerificationSettings): Steps<OpenDelegation | Denial> {
  const key = digestKey(yield* wait(settings.backend.sha256(bytes)))
  try {
    const envelope = openEnvelope(bytes, settings.bounds, settings.accept)
    if (envelope.tag.kind !== 'delegation')
      throw new MalformedError('PRF-15', 'the token is an invocation, not a delegation')
    const lenient = isLenient(envelope, settings)
    const link = yield* readLink(envelope, key, lenient, settings, createCaches(0))
    return { delegation: delegationOf(envelope, cidOfKey(key), lenient), chained: { link, key, unverified: envelope } }
  } catch (error) {
    return denialOf(error, { kind: 'token', index })
  }
}

/** The order of a container has no meaning, so its delegations must have one order only. */
function inOrder(opened: readonly OpenDelegation[]): readonly OpenDelegation[] | Denial {
  if (opened.length === 0) return noRoot(0)
  const rest = new Map(opened.map((one) => [one.chained.key, one]))
  const chain: OpenDelegation[] = []
  for (let holder: Did | undefined; rest.size > 0; holder = chain.at(-1)?.delegation.audience) {
    const next = [...rest.values()].filter(({ delegation: { issuer, subject } }) =>
      holder === undefined ? issuer === subject : issuer === holder,
    )
    const [only] = next
    if (only === undefined || next.length > 1) return holder === undefined ? noRoot(next.length) : notOneChain
    rest.delete(only.chained.key)
    chain.push(only)
  }
  return chain
}

function noRoot(count: number): Denial {
  if (count > 0) return notOneChain
  return {
    code: 'root_not_subject',
    message:
      'the container has no delegation by a subject about itself; send the whole chain that leads to the delegation',
    requirement: 'PRF-15',
  }
}

const notOneChain: Denial = Object.freeze({
  code: 'principal_misaligned',
  message:
    'the delegations of the container are not exactly one chain; verify each chain by itself, as a list, root first',
  requirement: 'PRF-15',
})

function tooLong(count: number, most: number): Denial {
  return {
    code: 'chain_too_long',
    message: `the chain has ${count} delegations, more than the ${most} allowed`,
    requirement: 'PRF-17',
  }
}

function* judge(
  opened: readonly OpenDelegation[],
  now: Timestamp,
  { settings, expected, revocations, call }: Question,
): Steps<DelegationVerdict> {
  const links = opened.map(({ chained }) => chained)
  const proofs = opened.map(({ delegation }) => delegation)
  const last = proofs.at(-1) as Delegation
  const subject = proofs.find((one) => one.subject !== anySubject)?.subject
  const chain = withoutCall(links, last, typeof subject === 'string' ? subject : last.issuer, now)
  const denial =
    checkAudience(last, expected, links.length) ??
    checkAlignment(chain) ??
    checkTimeBounds(chain, now, { ...settings, maxInvocationLifetime: Number.POSITIVE_INFINITY }) ??
    (yield* checkLinkSignatures(links, settings, createSignatureState(settings.backend), call)) ??
    (revocations && (yield* checkRevocation(chain, { ...settings, revocations }, call)))
  if (denial !== undefined) return refuse(withSentence(denial, chain, settings))
  return Object.freeze({
    verified: true,
    delegation: last,
    proofs: Object.freeze(proofs),
    subject: chain.invocation.fields.subject,
    command: last.command,
    policy: Object.freeze(proofs.flatMap(({ policy }) => policy)),
    ...window(proofs),
  })
}

/** The chain with the widest call that it could prove, as the checks expect one. That call is never signed. */
function withoutCall(links: readonly ChainLink[], last: Delegation, subject: Did, now: Timestamp): Chain {
  const { audience, command, cid } = last
  const fields = {
    issuer: audience,
    subject,
    command,
    args: {},
    proofs: [cid],
    nonce: new Uint8Array(),
    expiration: now,
  }
  const invocation: OpenInvocation = {
    envelope: { signature: new Uint8Array(), algorithm: last.algorithm, signed: new Uint8Array() },
    fields,
    cid,
    task: () => new Uint8Array(),
  }
  return { links, invocation }
}

function checkAudience({ audience }: Delegation, expected: Did | undefined, count: number): Denial | undefined {
  if (expected === undefined || audience === expected) return undefined
  const requirement = 'PRF-16'
  return {
    code: 'audience_mismatch',
    message: `the delegation is for ${audience}, not for ${expected}; ask its issuer for one with the right audience`,
    at: count - 1,
    requirement,
    detail: { kind: 'principal', expected: [expected], found: audience },
  }
}

/** The seconds in which all delegations are valid. */
function window(proofs: readonly Delegation[]): Pick<VerifiedDelegation, 'notBefore' | 'expiration'> {
  const starts = proofs.flatMap(({ notBefore }) => (notBefore === undefined ? [] : [notBefore]))
  const ends = proofs.flatMap(({ expiration }) => (expiration === never ? [] : [expiration]))
  return {
    ...(starts.length > 0 && { notBefore: Math.max(...starts) }),
    expiration: ends.length > 0 ? Math.min(...ends) : never,
  }
}

function refuse(denial: Denial): DelegationVerdict {
  return Object.freeze({ verified: false, denial: Object.freeze(denial) })
}
