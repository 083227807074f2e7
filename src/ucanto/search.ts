/**
 * Chooses among several paths: the first that passes all checks of a chain. The choice is not a decision, because the
 * authorizer repeats every check on the chain that it receives.
 *
 * @module
 */

import { type ChainLink, type Link, linkName, type OpenInvocation } from '../core/authorization/chain.ts'
import { refusedBy } from '../core/authorization/checks/policy.ts'
import { checkRevocation } from '../core/authorization/checks/revocation.ts'
import {
  checkLinkSignatures,
  createSignatureState,
  type SignatureState,
} from '../core/authorization/checks/signatures.ts'
import { type Denial, isDenial } from '../core/authorization/denial.ts'
import { denialOf } from '../core/authorization/denial-of.ts'
import { withSentence } from '../core/authorization/explain-denial.ts'
import type { ReadingContext } from '../core/authorization/formats/token-format.ts'
import type { Steps } from '../core/authorization/machinery/steps.ts'
import type { Refusal } from '../core/authorization/refusal.ts'
import type { Settings } from '../core/authorization/settings.ts'
import { maxSteps, unsatisfied } from '../core/capability/policy/evaluation.ts'
import { sentenceOf } from '../core/capability/policy/explain-failure.ts'
import { type AttestedSession, linksOfPath, outlinesOfPath } from './chain-links.ts'
import type { TokenTable } from './open-archive.ts'
import { askPolicies, createPolicyTable, type PolicyTable, type PolicyVerdict } from './policies.ts'
import type { Claim, ResourceRules } from './read-claim.ts'
import { rememberedRevocations } from './remembered-revocations.ts'
import type { PathStep, Walk } from './walk.ts'

/** The state of the search for one call. Each signature is verified once, and revocations are looked up once. */
export interface Search {
  readonly context: ReadingContext
  readonly policies: PolicyTable
  readonly tokens: TokenTable
  readonly settings: Settings
  readonly signatures: SignatureState
  /** Links that were made for this call, by everything that they depend on. */
  readonly made: Map<string, Link>
  /** Keys of the tokens whose signature was verified. */
  readonly verified: Set<string>
  /** Work that is left for this call, over all paths and attestations. */
  readonly budget: { signatures: number; policySteps: number }
}

/** Begins the search for one call. */
export function createSearch(context: ReadingContext, rules: ResourceRules, tokens: TokenTable): Search {
  const { settings } = context
  const revocations = rememberedRevocations(settings.revocations, tokens, settings.backend)
  return {
    context,
    policies: createPolicyTable(rules),
    tokens,
    settings: { ...settings, revocations },
    signatures: createSignatureState(settings.backend),
    made: new Map(),
    verified: new Set(),
    budget: { signatures: 2 * settings.bounds.proofs, policySteps: maxSteps },
  }
}

/** Finds attestations that replace the signature of an issuer. */
export interface SessionFinder {
  /** Whether an attestation of the delegation is named beside it, by the same token. It may turn out to be invalid. */
  isOffered(step: PathStep): boolean
  /** Verifies the offered attestations, and returns the first valid one. */
  open(step: PathStep): Steps<AttestedSession | Denial>
}

/** A claim, and the walk that finds paths for it. */
export interface PathQuery {
  readonly claim: Claim
  readonly walk: Walk
  /** Delegations at the end of every path. */
  readonly last: readonly PathStep[]
  /** The invocation that the checks receive. */
  readonly invocation: () => OpenInvocation
  readonly sessions?: SessionFinder
}

/** A path that passed all checks, with its links. */
export interface ProvenPath {
  readonly path: readonly PathStep[]
  readonly links: readonly ChainLink[]
}

/** The result when no path passed all checks. */
export interface UnprovenPath {
  /** The denial of the path that passed most checks. */
  readonly denial: Denial
  /** Whether that path leads from the owner to the invoker and every delegation of it is signed. */
  readonly signed: boolean
}

/**
 * The checks of a path, in order. Of several paths, the denial of the one that fails at the latest check is reported.
 */
const stages = ['signatures', 'policies', 'revocations'] as const
type Stage = (typeof stages)[number]

/** Why one path does not prove the claim. */
interface PathFault {
  readonly failed: Stage
  readonly denial: () => Denial
  /** Whether no other path can succeed. */
  readonly endsSearch: boolean
}

/**
 * Finds the first path that passes all checks. A delegation that fails is excluded from the next walk, so each is
 * examined once, and there are at most as many walks as tokens. UCT-65
 *
 * @returns the path, or the denial of the path that passed most checks.
 */
export function* prove(query: PathQuery, search: Search): Steps<ProvenPath | UnprovenPath> {
  const ask = askPolicies(query.claim.args, search.policies, search.budget)
  let latest: PathFault | undefined
  // Each round excludes a delegation or an attestation.
  for (let rounds = 0; rounds <= 2 * search.tokens.size; rounds++) {
    const found = query.walk.find()
    if (isDenial(found)) return latest === undefined ? { denial: found, signed: false } : unproven(latest)
    const outcome = yield* examine([...found, ...query.last], query, ask, search)
    if (!('failed' in outcome)) return outcome
    if (outcome.endsSearch) return unproven(outcome)
    if (latest === undefined || stages.indexOf(outcome.failed) > stages.indexOf(latest.failed)) latest = outcome
  }
  return unproven(latest as PathFault)
}

function unproven({ failed, denial }: PathFault): UnprovenPath {
  return { denial: denial(), signed: failed !== 'signatures' }
}

function* examine(
  path: readonly PathStep[],
  query: PathQuery,
  ask: (step: PathStep) => PolicyVerdict,
  search: Search,
): Steps<ProvenPath | PathFault> {
  const { claim, walk, last } = query
  // A delegation that fails on one path fails on all of them. Those at the end cannot be avoided.
  const failAt = (at: number | undefined, failed: Stage, denial: () => Denial): PathFault => {
    const isAvoidable = at !== undefined && at < path.length - last.length
    if (isAvoidable) walk.bar(keyAt(path, at))
    return { failed, denial, endsSearch: !isAvoidable }
  }

  const sessions = yield* openSessions(path, query.sessions)
  if ('failed' in sessions) return sessions
  const { policies, made } = search
  const context = { context: search.context, policies, claim, sessions, made }
  const first = path.map((step) => step.places[0] as number)
  const outlines = outlinesOfPath(path, first, context)
  const unsigned = yield* checkSigned(outlines, path, sessions, search)
  if (unsigned === tooManyPaths) return { failed: 'signatures', denial: () => tooManyPaths, endsSearch: true }
  if (unsigned !== undefined) {
    const chain = { links: outlines, invocation: query.invocation() }
    return failAt(unsigned.at, 'signatures', () => withSentence(unsigned, chain, search.settings))
  }

  const invocation = query.invocation()
  const places: number[] = []
  for (const [at, step] of path.entries()) {
    const verdict = ask(step)
    if (verdict === 'over budget') return { failed: 'policies', denial: () => overBudget(at), endsSearch: true }
    if ('misread' in verdict) return failAt(at, 'policies', () => ({ ...denialOf(verdict.misread), at }))
    if ('objection' in verdict) {
      const { objection } = verdict
      const message = `${linkName(at, path.length)}: ${sentenceOf(objection)}`
      const detail = { kind: 'policy', objection } as const
      return failAt(at, 'policies', () => ({ ...refusedBy(unsatisfied, at, invocation.fields), message, detail }))
    }
    places.push(verdict.place)
  }
  const links = yield* linksOfPath(path, places, context)
  const revoked = yield* checkRevocation({ links, invocation }, search.settings, search.context.call)
  if (revoked === undefined) return { path, links }
  // The position after the last link means the invocation.
  return failAt(revoked.at === path.length ? undefined : revoked.at, 'revocations', () =>
    withSentence(revoked, { links, invocation }, search.settings),
  )
}

/** The attestations on a path, by the key of their delegation. One that is missing for an absent issuer is a fault. */
function* openSessions(
  path: readonly PathStep[],
  finder: SessionFinder | undefined,
): Steps<ReadonlyMap<string, AttestedSession> | PathFault> {
  const sessions = new Map<string, AttestedSession>()
  for (const [at, step] of path.entries()) {
    if (finder?.isOffered(step) !== true) continue
    const { source } = step
    const session = yield* finder.open(step)
    if (!isDenial(session)) {
      sessions.set(source.key, session)
    } else if (isExhausted(session)) {
      return { failed: 'signatures', denial: () => placedAt(at, session), endsSearch: true }
    } else if (source.token.signature === undefined) {
      // The finder remembers the fault, so the next walk does not come here.
      const message = `${linkName(at, path.length)}, by ${source.token.issuer}: ${session.message}`
      return { failed: 'signatures', denial: () => ({ ...session, message, at }), endsSearch: false }
    }
  }
  return sessions
}

/**
 * Checks that every delegation is signed by its issuer, once for all paths. The memory of the authorizer is used and
 * counted as if it were empty, so that the verdict does not depend on it.
 */
function* checkSigned(
  links: readonly ChainLink[],
  path: readonly PathStep[],
  sessions: ReadonlyMap<string, AttestedSession>,
  { context, settings, signatures, verified, budget }: Search,
): Steps<Refusal | undefined> {
  const unsure = [...path.keys()].filter((at) => {
    const key = keyAt(path, at)
    // An attested delegation has no verified signature: where nothing attests it, it is not accepted.
    return !sessions.has(key) && !verified.has(key)
  })
  if (unsure.length > budget.signatures) return tooManyPaths
  const asked = links.map((link, at) => (unsure.includes(at) ? link : { ...link, unverified: undefined }))
  const denial = yield* checkLinkSignatures(asked, settings, signatures, context.call)
  const end = denial?.at ?? links.length
  for (const at of unsure) {
    if (at > end) break
    budget.signatures--
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

/** Whether a denial reports that the budget of the call is used up. */
export function isExhausted({ requirement }: Denial): boolean {
  return requirement === tooManyPaths.requirement || requirement === overBudget(0).requirement
}

const tooManyPaths: Denial = Object.freeze({
  code: 'too_large',
  message: 'the proofs leave more paths open than are tried; name fewer proofs, or the right one first',
  requirement: 'UCT-36',
})

function overBudget(at: number): Denial {
  return {
    code: 'policy_over_budget',
    message: 'the policies on the paths that the proofs leave open take more steps than a call may; name fewer proofs',
    at,
    requirement: 'UCT-58',
  }
}
