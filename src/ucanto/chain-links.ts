/**
 * Converts tokens of UCAN 0.9.1 to the links of a chain, which the checks of the authorizer read.
 *
 * @module
 */

import { type Chain, type ChainLink, type Link, linkWeight, type OpenInvocation } from '../core/authorization/chain.ts'
import type { ReadingContext } from '../core/authorization/formats/token-format.ts'
import { type Steps, wait } from '../core/authorization/machinery/steps.ts'
import { type Command, commandCovers } from '../core/capability/command.ts'
import { type ReadyPolicy, readyPolicy } from '../core/capability/policy/ready-policy.ts'
import type { Did } from '../core/did/did.ts'
import { MalformedError } from '../errors.ts'
import { type Never, never, type Timestamp } from '../time.ts'
import type { Capability } from './capability.ts'
import type { NamedToken } from './open-archive.ts'
import type { OpenToken } from './open-token.ts'
import { type PolicyTable, policyIn } from './policies.ts'
import type { Claim } from './read-claim.ts'
import { type FramedSignature, twinName } from './signature-frame.ts'
import type { PathStep } from './walk.ts'

/** A verified attestation with its own proof chain. It replaces the signature of an issuer. */
export interface AttestedSession {
  /** The time in which the attestation and its whole proof chain are valid. */
  readonly notBefore: Timestamp | undefined
  readonly expiration: Timestamp | Never
  /** The attestation and its proofs, for the check of revocations. */
  readonly chain: Chain
}

/** The parameters of {@link linksOfPath} that are the same for all paths of a call. */
export interface LinkContext {
  readonly context: ReadingContext
  readonly policies: PolicyTable
  readonly claim: Claim
  /** By the key of the attested delegation. */
  readonly sessions: ReadonlyMap<string, AttestedSession>
  /** Links that were made for this call: a token on several paths is converted once. */
  readonly made: Map<string, Link>
}

/**
 * The links of a path, root first, each with one capability of its delegation.
 *
 * @param places - for each delegation, the position of that capability in `att`.
 * @throws MalformedError when a delegation is neither signed nor attested, or its conditions are not a policy.
 */
export function* linksOfPath(
  path: readonly PathStep[],
  places: readonly number[],
  { context, policies, claim, sessions, made }: LinkContext,
): Steps<readonly ChainLink[]> {
  const links: ChainLink[] = []
  for (const grant of grantsOf(path, places, claim)) {
    const { source, place, command, key } = grant
    const session = sessions.get(source.key)
    const known = signedLink(grant, context, session)
    if (known !== undefined) {
      links.push(known)
      continue
    }
    // An attested delegation has no twin: the attestation names exactly one CID.
    const name = session === undefined ? key : `attested ${key}`
    let link = made.get(name)
    if (link === undefined) {
      const twin = session === undefined ? yield* wait(twinName(source.token, context.settings.backend)) : undefined
      link = newLink(source, command, claim.owner, policyIn(policies(source, place)), twin)
      made.set(name, link)
    }
    links.push(
      session === undefined
        ? { link, key, unverified: envelopeOf(source.token) }
        : { link: { ...link, ...common(source.token, session) }, key, unverified: undefined, session: session.chain },
    )
  }
  return links
}

/**
 * The links of a path for the check of signatures. Policies are not read, because the signatures are not verified yet.
 */
export function outlinesOfPath(
  path: readonly PathStep[],
  places: readonly number[],
  { context, claim, sessions }: Pick<LinkContext, 'context' | 'claim' | 'sessions'>,
): readonly ChainLink[] {
  return grantsOf(path, places, claim).map((grant, at) => {
    const { source, key } = grant
    const session = sessions.get(source.key)
    const link = outlineOf(path[at] as PathStep, claim)
    const unverified = session === undefined ? envelopeOf(source.token) : undefined
    return signedLink(grant, context, session) ?? { link, key, unverified }
  })
}

/** The grant of one delegation of a path. */
interface Grant {
  readonly source: NamedToken
  readonly place: number
  readonly command: Command
  /** Everything that the link depends on, so that a remembered link means the same in every chain. */
  readonly key: string
}

function grantsOf(path: readonly PathStep[], places: readonly number[], { owner }: Claim): readonly Grant[] {
  let given: Command | undefined
  return path.map(({ source }, at) => {
    const place = places[at] as number
    const capability = source.token.capabilities[place] as Capability
    const own = capability.ability?.command as Command
    // A delegation grants at most what its issuer holds: `*` over a proof of `mail/*` grants `mail/*`.
    given = given === undefined || commandCovers(given, own) ? own : given
    return { source, place, command: given, key: `${source.key} ${place} ${given} ${owner} ${capability.with}` }
  })
}

/**
 * The link that was verified for another call, if there is one.
 *
 * @throws MalformedError when the delegation is neither signed nor attested.
 */
function signedLink(
  { source: { token }, key }: Grant,
  { caches }: ReadingContext,
  session: AttestedSession | undefined,
): ChainLink | undefined {
  if (session !== undefined) return undefined
  const known = caches.links.get(key)
  if (known !== undefined) return { link: known, key, unverified: undefined }
  if (token.signature === undefined) throw unattested(token.issuer)
  return undefined
}

const anything: ReadyPolicy = readyPolicy([])

/** The link of a delegation whose signature was not verified, by default without its policy. */
export function outlineOf({ source }: PathStep, { owner, command }: Claim, policy: ReadyPolicy = anything): Link {
  const { issuer, audience, notBefore, expiration } = source.token
  return {
    issuer,
    audience,
    subject: owner,
    command,
    policy,
    ...(notBefore !== undefined && { notBefore }),
    expiration,
    name: source.cid.toString(),
  }
}

function newLink(
  { token, cid }: NamedToken,
  command: Command,
  subject: Did,
  policy: ReadyPolicy,
  twin: string | undefined,
): Link {
  const { issuer, audience, notBefore, expiration, signed } = token
  return {
    issuer,
    audience,
    subject,
    command,
    policy,
    ...(notBefore !== undefined && { notBefore }),
    expiration,
    name: cid.toString(),
    weight: linkWeight(signed().length),
    ...(twin !== undefined && { twin }),
  }
}

/** The signature of a token, and the bytes that it covers. */
function envelopeOf({ signature, signed }: OpenToken): OpenInvocation['envelope'] {
  const { algorithm, raw } = signature as FramedSignature
  return {
    signature: raw,
    algorithm,
    get signed() {
      return signed()
    },
  }
}

/** An attested delegation is valid no longer than its attestation. */
function common(token: OpenToken, session: AttestedSession): Pick<Link, 'notBefore' | 'expiration'> {
  const notBefore = latest(token.notBefore, session.notBefore)
  const expiration = earliest(token.expiration, session.expiration)
  return notBefore === undefined ? { expiration } : { notBefore, expiration }
}

/** The later of two `notBefore`. */
export function latest(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** The earlier of two expirations. */
export function earliest(a: Timestamp | Never, b: Timestamp | Never): Timestamp | Never {
  return a === never || (b !== never && b < a) ? b : a
}

/** The error for an unsigned delegation without an attestation. */
export function unattested(issuer: Did): MalformedError {
  return new MalformedError(
    'UCT-49',
    `the delegation by ${issuer} is not signed, and no session attests it; include the attestation of an accepted authority`,
  )
}

/**
 * Converts the token of a call to an invocation.
 *
 * @throws MalformedError when the token is not signed.
 */
export function openedInvocation(
  { token, cid }: NamedToken,
  { owner, command, args }: Claim,
  path: readonly PathStep[],
): OpenInvocation {
  const { issuer, audience, nonce = '', notBefore, expiration, signature, bytes } = token
  // Authorities attest delegations only, so an invocation without a signature is never accepted.
  if (signature === undefined) throw new MalformedError('UCT-50', `the invocation by ${issuer} is not signed`)
  return {
    envelope: envelopeOf(token),
    fields: {
      issuer,
      subject: owner,
      audience,
      command,
      args,
      proofs: path.map(({ source }) => source.cid),
      nonce: new TextEncoder().encode(nonce),
      ...(notBefore !== undefined && { notBefore }),
      expiration,
    },
    cid,
    // Receipts of 0.9.1 name the invocation itself.
    task: () => bytes,
  }
}
