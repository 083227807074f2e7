/**
 * Which path of several is the one: the first that everything holds for that the rules about chains ask. What is found
 * here decides nothing; the authorizer asks it all again of the chain that it is given.
 *
 * @module
 */

import { type Chain, type ChainLink, type Link, linkName, type OpenInvocation } from '../authorization/chain.ts'
import { checkPolicies } from '../authorization/checks/policy.ts'
import { checkRevocation } from '../authorization/checks/revocation.ts'
import { checkLinkSignatures, type SignatureState } from '../authorization/checks/signatures.ts'
import type { Denial } from '../authorization/denial.ts'
import { createKeyRing } from '../authorization/key-ring.ts'
import type { Settings, VerificationSettings } from '../authorization/options.ts'
import { denialOf } from '../authorization/refusal.ts'
import type { Steps } from '../authorization/steps.ts'
import type { ReadingContext } from '../authorization/token-format.ts'
import { createVerifiers } from '../authorization/verifiers.ts'
import { createBoundedMap } from '../did/bounded-map.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
import { createPolicies, type Policies } from './capability-policies.ts'
import { linksOf, type Session } from './chain-links.ts'
import type { TokenTable } from './open-archive.ts'
import type { Claim, ResourceRules } from './read-claim.ts'
import { rememberedRevocations } from './remembered-revocations.ts'
import type { PathStep, Walk } from './walk.ts'

/** What is remembered while one call is read: each signature is verified once, and revocations are looked up once. */
export interface Search {
  readonly context: ReadingContext
  readonly rules: ResourceRules
  readonly tokens: TokenTable
  readonly settings: Settings
  readonly signatures: SignatureState
  /** Links that were made, by all that they depend on. */
  readonly made: Map<string, Link>
  /** The keys of tokens whose signature is their issuer's. */
  readonly verified: Set<string>
  /** How many signatures may still be verified. */
  readonly effort: { signatures: number }
}

/** Begins the search for one call. */
export function createSearch(context: ReadingContext, rules: ResourceRules, tokens: TokenTable): Search {
  const { settings } = context
  const revocations = rememberedRevocations(hasStores(settings) ? settings.revocations : noStore, tokens)
  return {
    context,
    rules,
    tokens,
    // Of all that the checks read, an authorizer hands over everything.
    settings: { ...(settings as Settings), revocations },
    signatures: {
      memo: createBoundedMap<Link>(0),
      keys: createKeyRing(),
      verify: createVerifiers(settings.backend).atOnce,
    },
    made: new Map(),
    verified: new Set(),
    effort: { signatures: 2 * settings.limits.proofs },
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
export interface Sessions {
  /** Whether something says that it attests a delegation, named beside it by the same token. */
  isOffered(step: PathStep): boolean
  /** Finds out whether one holds. */
  open(step: PathStep): Steps<Session | Denial>
}

/** What has to be proved, and how to get there. */
export interface Question {
  readonly claim: Claim
  readonly walk: Walk
  /** Delegations that follow the path in any case. */
  readonly last: readonly PathStep[]
  /** What is asked, for the checks. */
  readonly invocation: () => OpenInvocation
  readonly sessions?: Sessions
}

/** A path, and what it says. */
export interface Proof {
  readonly path: readonly PathStep[]
  readonly links: readonly ChainLink[]
}

/** Why a path is not the one. */
interface Fault {
  /** How many kinds of checks it passed. */
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
export function* prove(question: Question, search: Search): Steps<Proof | Denial> {
  const policies = createPolicies(question.claim, search.rules)
  let best: Fault | undefined
  // A delegation or an attestation falls out in each round.
  for (let rounds = 0; rounds <= 2 * search.tokens.size; rounds++) {
    const found = question.walk.find()
    if ('code' in found) return best === undefined ? found : best.denial()
    const outcome = yield* examine([...found, ...question.last], question, policies, search)
    if (!('rank' in outcome)) return outcome
    if (best === undefined || outcome.rank > best.rank || outcome.isFinal) best = outcome
    if (outcome.isFinal) break
  }
  return (best as Fault).denial()
}

function* examine(
  path: readonly PathStep[],
  question: Question,
  policies: Policies,
  search: Search,
): Steps<Proof | Fault> {
  const { claim, walk, last } = question
  const isLast = (at: number): boolean => at >= path.length - last.length
  const keyOf = (at: number): string => (path[at] as PathStep).source.key
  /** The delegation at that position does not hold, in whatever path. */
  const without = (at: number | undefined, rank: number, denial: () => Denial): Fault => {
    if (at === undefined || isLast(at)) return { rank, denial, isFinal: true }
    walk.bar(keyOf(at))
    return { rank, denial, isFinal: false }
  }

  for (const [at, step] of path.entries()) {
    const error = policies.misread(step)
    if (error !== undefined) return without(at, 0, () => ({ ...denialOf(error), at }))
  }
  const sessions = new Map<string, Session>()
  for (const [at, step] of path.entries()) {
    if (question.sessions?.isOffered(step) !== true) continue
    const session = yield* question.sessions.open(step)
    if (!('code' in session)) sessions.set(step.source.key, session)
    else if (step.source.token.signature === undefined) {
      const { source } = step
      const message = `${linkName(at, path.length)}, by ${source.token.issuer}: ${session.message}`
      return { rank: 0, denial: () => ({ ...session, message, at }), isFinal: false }
    }
  }
  const context = { context: search.context, rules: search.rules, claim, sessions, made: search.made }
  const invocation = question.invocation()
  const first = path.map((step) => policies.places(step)[0] as number)
  const begun = yield* linksOf(path, first, context)
  const unsigned = yield* checkSigned(begun, path, search)
  if (unsigned === tooMany) return { rank: 0, denial: () => tooMany, isFinal: true }
  if (unsigned !== undefined) return without(unsigned.at, 0, () => unsigned)

  const places: number[] = []
  for (const [at, step] of path.entries()) {
    const place = policies.places(step).find((candidate) => policies.permits(step, candidate))
    if (policies.isOverBudget()) {
      return { rank: 1, denial: () => overBudget(at), isFinal: true }
    }
    if (place === undefined) {
      const links = yield* linksOf(path, [...places, ...first.slice(at)], context)
      return without(at, 1, () => checkPolicies({ links, invocation }) ?? overBudget(at))
    }
    places.push(place)
  }
  const links = places.every((place, at) => place === first[at]) ? begun : yield* linksOf(path, places, context)
  const chain: Chain = { links, invocation }
  const revoked = yield* checkRevocation(chain, search.settings, search.context.call)
  if (revoked === undefined) return { path, links }
  const at = revoked.at === path.length ? undefined : revoked.at
  return without(at, 2, () => revoked)
}

/** Every delegation is signed by its issuer; what was verified on another path is not verified again. */
function* checkSigned(
  links: readonly ChainLink[],
  path: readonly PathStep[],
  { context, settings, signatures, verified, effort }: Search,
): Steps<Denial | undefined> {
  const keyOf = (at: number): string => (path[at] as PathStep).source.key
  const unsure = links.map((link, at) => (verified.has(keyOf(at)) ? { ...link, unverified: undefined } : link))
  const count = unsure.filter(({ unverified }) => unverified !== undefined).length
  if (count > effort.signatures) return tooMany
  const denial = yield* checkLinkSignatures(unsure, settings, signatures, context.call)
  const end = denial?.at ?? links.length
  for (const [at, { unverified }] of unsure.slice(0, end + 1).entries()) {
    if (unverified === undefined) continue
    effort.signatures--
    // What is attested is not signed: elsewhere, where nothing attests it, it does not count.
    if (at < end) verified.add(keyOf(at))
  }
  return denial
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
