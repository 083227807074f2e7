/**
 * Tokens of 0.9.1 as the rules about chains see them.
 *
 * @module
 */

import { type Chain, type ChainLink, type Link, linkWeight, type OpenInvocation } from '../authorization/chain.ts'
import type { ReadingContext } from '../authorization/formats/token-format.ts'
import { type Steps, wait } from '../authorization/machinery/steps.ts'
import { type Command, commandCovers } from '../capability/command.ts'
import { type CompiledPolicy, compileParsed } from '../capability/policy/compile.ts'
import type { Did } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import { type Never, never, type Timestamp } from '../time.ts'
import type { Capability } from './capability.ts'
import type { NamedToken } from './open-archive.ts'
import type { OpenToken } from './open-token.ts'
import { type PolicyTable, policyIn } from './policies.ts'
import type { Claim } from './read-claim.ts'
import { type FramedSignature, twinName } from './signature-frame.ts'
import type { PathStep } from './walk.ts'

/** What stands for the signature of an issuer: an attestation, with all that it stands on. */
export interface AttestedSession {
  /** The part of time in which all of it is valid. */
  readonly notBefore: Timestamp | undefined
  readonly expiration: Timestamp | Never
  /** What can be revoked of it. */
  readonly chain: Chain
}

/** What is needed to make links. */
export interface LinkContext {
  readonly context: ReadingContext
  readonly policies: PolicyTable
  readonly claim: Claim
  /** By the key of the token that it is about. */
  readonly sessions: ReadonlyMap<string, AttestedSession>
  /** Links that were made for this call: a token that stands on many paths is read once. */
  readonly made: Map<string, Link>
}

/**
 * The delegations of a path, root first, each with the capability that is used.
 *
 * @param places - for each delegation, the place of that capability in `att`.
 * @throws MalformedError when a delegation is neither signed nor has a session, or what it says is no policy.
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
    // What is attested needs no second name, as the attestation has the first.
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
 * The same as far as signatures are concerned: nothing is read of what the delegations permit, as it is not certain yet
 * who says it.
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

/** What a delegation of a path gives. */
interface Grant {
  readonly source: NamedToken
  readonly place: number
  readonly command: Command
  /** All that the link depends on beside the bytes, so that what is remembered means the same in every chain. */
  readonly key: string
}

function grantsOf(path: readonly PathStep[], places: readonly number[], { owner }: Claim): readonly Grant[] {
  let given: Command | undefined
  return path.map(({ source }, at) => {
    const place = places[at] as number
    const capability = source.token.capabilities[place] as Capability
    const own = capability.ability?.command as Command
    // A delegation gives what it says, as far as its issuer has it: `*` over a proof of `mail/*` is `mail/*`.
    given = given === undefined || commandCovers(given, own) ? own : given
    return { source, place, command: given, key: `${source.key} ${place} ${given} ${owner} ${capability.with}` }
  })
}

/**
 * The link that was verified for another call, when there is one.
 *
 * @throws MalformedError when the delegation is neither signed nor has a session.
 */
function signedLink(
  { source: { token }, key }: Grant,
  { memo }: ReadingContext,
  session: AttestedSession | undefined,
): ChainLink | undefined {
  if (session !== undefined) return undefined
  const known = memo.get(key)
  if (known !== undefined) return { link: known, key, unverified: undefined }
  if (token.signature === undefined) throw unattested(token.issuer)
  return undefined
}

const anything: CompiledPolicy = compileParsed([])

/** A delegation as far as it is read without looking at who signed it, and with what it asks. */
export function outlineOf({ source }: PathStep, { owner, command }: Claim, policy: CompiledPolicy = anything): Link {
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
  policy: CompiledPolicy,
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

/** What is to be verified of a token that is signed. */
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

/** A delegation that is not signed is valid as long as what is there instead. */
function common(token: OpenToken, session: AttestedSession): Pick<Link, 'notBefore' | 'expiration'> {
  const notBefore = latest(token.notBefore, session.notBefore)
  const expiration = earliest(token.expiration, session.expiration)
  return notBefore === undefined ? { expiration } : { notBefore, expiration }
}

/** The later of two beginnings. */
export function latest(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

/** The earlier of two ends. */
export function earliest(a: Timestamp | Never, b: Timestamp | Never): Timestamp | Never {
  return a === never || (b !== never && b < a) ? b : a
}

/** Says that a delegation by an absent issuer stands for nothing. */
export function unattested(issuer: Did): MalformedError {
  return new MalformedError('UCT-49', `nobody signed the delegation by ${issuer}, and no session attests it`)
}

/**
 * The token that asks, as the rules see it.
 *
 * @throws MalformedError when nobody signed it.
 */
export function openedInvocation(
  { token, cid }: NamedToken,
  { owner, command, args }: Claim,
  path: readonly PathStep[],
): OpenInvocation {
  const { issuer, audience, nonce = '', notBefore, expiration, signature, bytes } = token
  // Who is absent cannot ask: what is attested is that a delegation was meant.
  if (signature === undefined) throw new MalformedError('UCT-50', `nobody signed the invocation by ${issuer}`)
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
    // In 0.9.1 receipts name the invocation itself.
    task: () => bytes,
  }
}
