/**
 * Which path of several is the one: the first that everything holds for that the rules about chains ask. What is found
 * here decides nothing; the authorizer asks it all again of the chain that it is given.
 *
 * @module
 */

import { type ChainLink, type Link, linkName, type OpenInvocation } from '../authorization/chain.ts'
import { refusedBy } from '../authorization/checks/policy.ts'
import { checkRevocation } from '../authorization/checks/revocation.ts'
import { checkLinkSignatures, createSignatureState, type SignatureState } from '../authorization/checks/signatures.ts'
import type { Denial } from '../authorization/denial.ts'
import type { ReadingContext } from '../authorization/formats/token-format.ts'
import type { Steps } from '../authorization/machinery/steps.ts'
import type { Settings, VerificationSettings } from '../authorization/options.ts'
import { denialOf } from '../authorization/refusal.ts'
import { maxSteps } from '../capability/policy/evaluation.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
import { type AttestedSession, linksOfPath, outlinesOfPath } from './chain-links.ts'
import type { TokenTable } from './open-archive.ts'
import { askPolicies, createPolicyTable, type PolicyTable, type PolicyVerdict, type StepsLeft } from './policies.ts'
import type { Claim, ResourceRules } from './read-claim.ts'
import { rememberedRevocations } from './remembered-revocations.ts'
import type { PathStep, Walk } from './walk.ts'

/** What is remembered while one call is read: each signature is verified once, and revocations are looked up once. */
export interface Search {
  readonly context: ReadingContext
  readonly policies: PolicyTable
  readonly tokens: TokenTable
  readonly settings: Settings
  readonly signatures: SignatureState
  /** Links that were made, by all that they depend on. */
  readonly made: Map<string, Link>
  /** The keys of tokens whose signature is their issuer's. */
  readonly verified: Set<string>
  /** How many signatures may still be asked about. */
  readonly effort: { signatures: number }
  /** How many steps policies may still take. */
  readonly left: StepsLeft
}

/** Begins the search for one call. */
export function createSearch(context: ReadingContext, rules: ResourceRules, tokens: TokenTable): Search {
  const { settings } = context
  const store = hasStores(settings) ? settings.revocations : noStore
  const revocations = rememberedRevocations(store, tokens, settings.backend)
  return {
    context,
    policies: createPolicyTable(rules),
    tokens,
    // Of all that the checks read, an authorizer hands over everything.
    settings: { ...(settings as Settings), revocations },
    signatures: createSignatureState(settings.backend),
    made: new Map(),
    verified: new Set(),
    effort: { signatures: 2 * settings.limits.proofs },
    left: { remaining: maxSteps },
  }
}

/** Whether a format is read for an authorizer, which has stores. */
export function hasStores(settings: VerificationSettings): settings is Settings {
  return 'revocations' in settings
}

const noStore: RevocationStore = {
  findRevocations: () => Promise.reject(new TypeError('there is no store to look revocations up in')),
}

/** Where the signature of an issuer can be replaced. */
export interface SessionFinder {
  /** Whether something says that it attests a delegation, named beside it by the same token. */
  isOffered(step: PathStep): boolean
  /** Finds out whether one holds. */
  open(step: PathStep): Steps<AttestedSession | Denial>
}

/** What has to be proved, and how to get there. */
export interface PathQuery {
  readonly claim: Claim
  readonly walk: Walk
  /** Delegations that follow the path in any case. */
  readonly last: readonly PathStep[]
  /** What is asked, for the checks. */
  readonly invocation: () => OpenInvocation
  readonly sessions?: SessionFinder
}

/** A path, and what it says. */
export interface ProvenPath {
  readonly path: readonly PathStep[]
  readonly links: readonly ChainLink[]
}

/** That no path is the one. */
export interface UnprovenPath {
  /** Why the path that passed most is not. */
  readonly denial: Denial
  /** Whether it leads from the owner to the invoker, and is signed by all of them. */
  readonly signed: boolean
}

/** Why a path is not the one. */
interface PathFault {
  /** How many kinds of checks it passed, the signatures first. */
  readonly rank: number
  readonly denial: () => Denial
  /** Whether another path can be better. */
  readonly isFinal: boolean
}

/**
 * Finds the first path that everything holds for. A delegation that fails is left out of the next walk, so that each is
 * examined once and there are no more walks than tokens.
 *
 * @returns the path, or the denial of the path that passed most.
 */
export function* prove(question: PathQuery, search: Search): Steps<ProvenPath | UnprovenPath> {
  const { walk, claim } = question
  const ask = askPolicies(claim.args, search.policies, search.left)
  let best: PathFault | undefined
  // A delegation or an attestation falls out in each round.
  for (let rounds = 0; rounds <= 2 * search.tokens.size; rounds++) {
    const found = walk.find()
    if ('code' in found) return best === undefined ? { denial: found, signed: false } : unproven(best)
    const outcome = yield* examine([...found, ...question.last], question, ask, search)
    if (!('rank' in outcome)) return outcome
    if (best === undefined || outcome.rank > best.rank || outcome.isFinal) best = outcome
    if (outcome.isFinal) break
  }
  return unproven(best as PathFault)
}

function unproven({ rank, denial }: PathFault): UnprovenPath {
  return { denial: denial(), signed: rank > 0 }
}

function* examine(
  path: readonly PathStep[],
  question: PathQuery,
  ask: (step: PathStep) => PolicyVerdict,
  search: Search,
): Steps<ProvenPath | PathFault> {
  const { claim, walk, last } = question
  const isLast = (at: number): boolean => at >= path.length - last.length
  /** The delegation at that position does not hold, in whatever path. */
  const without = (at: number | undefined, rank: number, denial: () => Denial): PathFault => {
    if (at === undefined || isLast(at)) return { rank, denial, isFinal: true }
    walk.bar(keyAt(path, at))
    return { rank, denial, isFinal: false }
  }

  const sessions = new Map<string, AttestedSession>()
  for (const [at, step] of path.entries()) {
    if (question.sessions?.isOffered(step) !== true) continue
    const session = yield* question.sessions.open(step)
    if (!('code' in session)) sessions.set(step.source.key, session)
    else if (isExhausted(session)) return { rank: 0, denial: () => placedAt(at, session), isFinal: true }
    else if (step.source.token.signature === undefined) {
      const { source } = step
      const message = `${linkName(at, path.length)}, by ${source.token.issuer}: ${session.message}`
      return { rank: 0, denial: () => ({ ...session, message, at }), isFinal: false }
    }
  }
  const { policies, made } = search
  const context = { context: search.context, policies, claim, sessions, made }
  const first = path.map((step) => step.places[0] as number)
  const unsigned = yield* checkSigned(outlinesOfPath(path, first, context), path, sessions, search)
  if (unsigned === tooMany) return { rank: 0, denial: () => tooMany, isFinal: true }
  if (unsigned !== undefined) return without(unsigned.at, 0, () => unsigned)

  const invocation = question.invocation()
  const places: number[] = []
  for (const [at, step] of path.entries()) {
    const answer = ask(step)
    if (answer === 'over budget') return { rank: 1, denial: () => overBudget(at), isFinal: true }
    if ('misread' in answer) return without(at, 1, () => ({ ...denialOf(answer.misread), at }))
    if ('objection' in answer) {
      return without(at, 1, () => refusedBy(answer.objection, at, path.length, invocation.fields))
    }
    places.push(answer.place)
  }
  const links = yield* linksOfPath(path, places, context)
  const revoked = yield* checkRevocation({ links, invocation }, search.settings, search.context.call)
  if (revoked === undefined) return { path, links }
  const at = revoked.at === path.length ? undefined : revoked.at
  return without(at, 2, () => revoked)
}

/**
 * Every delegation is signed by its issuer; what was verified on another path is not verified again. What the authorizer
 * remembers counts as if it was, so that the verdict does not depend on it.
 */
function* checkSigned(
  links: readonly ChainLink[],
  path: readonly PathStep[],
  sessions: ReadonlyMap<string, AttestedSession>,
  { context, settings, signatures, verified, effort }: Search,
): Steps<Denial | undefined> {
  const unsure = [...path.keys()].filter((at) => {
    const key = keyAt(path, at)
    // What is attested is not signed: elsewhere, where nothing attests it, it does not count.
    return !sessions.has(key) && !verified.has(key)
  })
  if (unsure.length > effort.signatures) return tooMany
  const asked = links.map((link, at) => (unsure.includes(at) ? link : { ...link, unverified: undefined }))
  const denial = yield* checkLinkSignatures(asked, settings, signatures, context.call)
  const end = denial?.at ?? links.length
  for (const at of unsure) {
    if (at > end) break
    effort.signatures--
    if (at < end) verified.add(keyAt(path, at))
  }
  return denial
}

function keyAt(path: readonly PathStep[], at: number): string {
  return (path[at] as PathStep).source.key
}

/** A denial from within the session of the delegation at that position. */
function placedAt(at: number, denial: Denial): Denial {
  return denial.at === undefined ? denial : { ...denial, at }
}

/** Whether a denial says that all the work that may be done for a call has been done. */
export function isExhausted({ requirement }: Denial): boolean {
  return requirement === tooMany.requirement || requirement === overBudget(0).requirement
}

const tooMany: Denial = Object.freeze({
  code: 'too_large',
  message: 'the proofs leave more paths open than are tried: name fewer, or the right one first',
  requirement: 'UCT-36',
})

function overBudget(at: number): Denial {
  return {
    code: 'policy_over_budget',
    message: 'the policies of the paths that the proofs leave open need more work than they may',
    at,
    requirement: 'UCT-58',
  }
}
