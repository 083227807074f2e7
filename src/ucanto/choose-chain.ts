import type { Chain, ChainLink, Link } from '../core/authorization/chain.ts'
import { checkAddressee } from '../core/authorization/checks/addressee.ts'
import { checkPolicies } from '../core/authorization/checks/policy.ts'
import { checkSignatures } from '../core/authorization/checks/signatures.ts'
import { checkTimeBounds } from '../core/authorization/checks/time-bounds.ts'
import { type Denial, isDenial } from '../core/authorization/denial.ts'
import { withSentence } from '../core/authorization/explain-denial.ts'
import type { ReadingContext } from '../core/authorization/formats/token-format.ts'
import type { Steps } from '../core/authorization/machinery/steps.ts'
import type { Refusal } from '../core/authorization/refusal.ts'
import type { Settings } from '../core/authorization/settings.ts'
import { withClaims } from '../core/authorization/with-claims.ts'
import type { Did } from '../core/did/did.ts'
import { linksOfPath, openedInvocation, outlineOf } from './chain-links.ts'
import { lazy } from './lazy.ts'
import type { NamedToken, TokenTable } from './open-archive.ts'
import { createPolicyTable, policyIn } from './policies.ts'
import type { Claim, ResourceRules } from './read-claim.ts'
import { createSearch, prove, type Search } from './search.ts'
import { createSessions } from './sessions.ts'
import { createWalk, type PathStep } from './walk.ts'

/** An invocation that was read, with all tokens of its archive. */
export interface OpenCall {
  readonly start: NamedToken
  readonly claim: Claim
  readonly tokens: TokenTable
  readonly rules: ResourceRules
  /** DIDs whose attestations are accepted. */
  readonly authorities: readonly Did[]
}

/**
 * Arranges the delegations that prove a call as a chain. A token of 0.9.1 names proofs but not which of them it uses.
 *
 * 1. A walk finds the shortest path from the owner of the resource to the invocation.
 * 2. If there is no other path and every issuer signed, that path is the chain.
 * 3. Otherwise the invocation itself is checked first: a forged call must not cost a search.
 * 4. The search then finds the first path whose signatures, policies and revocations pass.
 *
 * The authorizer applies every check to the chain again.
 */
export function* chooseChain(call: OpenCall, context: ReadingContext): Steps<Chain | Denial> {
  const { start, claim, tokens, rules, authorities } = call
  const { now, settings } = context
  const { clockTolerance, bounds } = settings
  const begin = lazy(() => createSearch(context, rules, tokens))
  const sessions = createSessions(authorities, tokens, begin)
  const { objection } = sessions
  const walk = createWalk({ start, claim, tokens, most: bounds.proofs, now, clockTolerance, objection })
  const holding = walk.find()
  const path = isDenial(holding) ? walk.findFailing() : holding
  if (isDenial(path)) return withClaims(path, openedInvocation(start, claim, []), false)
  const invocation = openedInvocation(start, claim, path)
  const isOpen = path.some((step) => sessions.isOffered(step)) || (path === holding && walk.hasChoice(path))
  if (!isOpen) {
    const places = path.map((step) => step.places[0] as number)
    const policies = createPolicyTable(rules)
    const links = yield* linksOfPath(path, places, { context, policies, claim, sessions: new Map(), made: new Map() })
    const chain: Chain = { links, invocation }
    return checkNonce(chain, start, settings) ?? chain
  }
  const outline: Chain = { links: path.map((step) => outlined(step, outlineOf(step, claim))), invocation }
  const refused = checkNonce(outline, start, settings) ?? (yield* checkCaller(outline, begin()))
  if (refused !== undefined) return withClaims(withSentence(refused, outline, settings), invocation, false)
  if (isDenial(holding)) {
    const { policies } = begin()
    const links = path.map((step) => {
      const policy = policyIn(policies(step.source, step.places[0] as number))
      return outlined(step, outlineOf(step, claim, policy))
    })
    // The signatures of this path were not verified, so the call is not reported as authenticated.
    const chain = { links, invocation }
    return withClaims(withSentence(checkPolicies(chain) ?? holding, chain, settings), invocation, false)
  }
  const query = { claim, walk, last: [], invocation: () => invocation, sessions }
  const outcome = yield* prove(query, begin())
  if ('denial' in outcome) return withClaims(outcome.denial, invocation, outcome.signed)
  return { links: outcome.links, invocation: openedInvocation(start, claim, outcome.path) }
}

/** Checks that the call is for this service, valid now, and signed by its issuer, before its path is known. */
function* checkCaller(outline: Chain, { context, settings, signatures }: Search): Steps<Refusal | undefined> {
  return (
    checkAddressee(outline, settings) ??
    checkTimeBounds(outline, context.now, settings) ??
    (yield* checkSignatures(outline, settings, signatures, context.call))
  )
}

/** UCT-29: The check of the nonce, with a message for services whose clients write no nonce. */
function checkNonce(chain: Chain, { token }: NamedToken, settings: Settings): Denial | undefined {
  if (token.nonce !== undefined) return undefined
  const denial = checkAddressee(chain, settings)
  if (denial?.code !== 'nonce_too_short') return undefined
  const message =
    'the invocation has no nonce, because clients of ucanto write one only on request; to accept such calls, mark the command as idempotent or set `minimumNonceBytes` to 0'
  return withClaims({ ...denial, message, requirement: 'UCT-29' }, chain.invocation, false)
}

/** A link whose signature is not checked. */
function outlined({ source }: PathStep, link: Link): ChainLink {
  return { link, key: source.key, unverified: undefined }
}
