/**
 * Counts the calls of chains with limits, and checks approvals, which are counted too.
 *
 * @module
 */

import { secondsOf, showTime, type Timestamp } from '../../../time.ts'
import type { ApprovalRule } from '../../capability/definition.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import { cidTextOfKey, digestKey } from '../../ipld/cid.ts'
import type { CallAnswer, CallClaim, CallStore } from '../call-store.ts'
import { audienceOf, type Chain, type ChainLink, linkName } from '../chain.ts'
import { type ApprovalContext, checkApprovals, checkApprovalsAgain, isForOneCall } from '../checks/approvals.ts'
import { claimOf } from '../checks/replay.ts'
import { idsOf } from '../checks/revocation.ts'
import type { Denial } from '../denial.ts'
import { type Steps, wait, waitUnlessAborted } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'
import { type ChainLimit, limitsOf, showAmount } from './chain-limits.ts'
import type { LimitAnswer, LimitRequest, LimitState, LimitStore } from './limit-store.ts'
import { isState, type RemainingLimit, remainingOf } from './remaining.ts'

/** Most limits of a chain, and most of those that delegates have added: each costs a store time, and place for long. */
const maxLimits = 32
const maxAdded = 8

/**
 * Seconds for which a call counts as concurrent if nobody reports its end: longer than most services work on a call.
 */
const callSeconds = 300

/** The reservation of a call. */
export interface Hold {
  readonly limits: readonly ChainLimit[]
  /** Makes the amounts final. Returns false when they were given back because their time was over. */
  commit(call: CallOptions): Promise<boolean>
  /** Ends the call: gives back the amounts that are not final. */
  release(call: CallOptions): Promise<void>
}

/** Counts the calls of one authorizer. */
export interface Counter {
  /**
   * The approvals of a call whose command requires them, or the denial. They are counted with the limits of the chain.
   */
  approve(
    chain: Chain,
    rule: ApprovalRule,
    context: ApprovalContext,
    call: CallOptions,
  ): Steps<readonly ChainLink[] | Refusal>
  /** Whether the approvals of an allowed call are still valid. */
  approveAgain(
    chain: Chain,
    now: Timestamp,
    settings: Settings,
    call: CallOptions,
  ): Steps<'valid' | 'ended' | 'unknown'>
  /**
   * Asks all stores in one request, if that is possible for the chain. Returns the settings with the stores for its
   * checks: those have the answers (STO-11). Only for a call that is allowed unless one of the stores refuses it.
   */
  ask(chain: Chain, settings: Settings, call: CallOptions): Steps<Settings>
  /** The denial of a chain with limits that this service cannot count. Nothing is asked, and nothing used up. */
  refuse(chain: Chain, settings: Settings): Denial | undefined
  /**
   * Reserves the limits of a chain that {@link Counter.refuse} does not refuse. Returns the denial when one of them has
   * not enough left.
   */
  reserve(chain: Chain, settings: Settings, call: CallOptions): Steps<Denial | undefined>
  /** The reservation of the call of a chain. */
  holdOf(chain: Chain): Hold | undefined
  /** How much is left of the limits of delegations. */
  remaining(
    delegations: readonly Delegation[],
    settings: Settings,
    call: CallOptions,
  ): Promise<readonly RemainingLimit[]>
}

/**
 * Makes a counter.
 *
 * @param holdSeconds - how long a reservation waits for its commit; undefined commits at once.
 * @param callStore - asks all stores in one request, if they are those of the service.
 */
export function createCounter(store: LimitStore, holdSeconds: number | undefined, callStore?: CallStore): Counter {
  const holds = new WeakMap<Chain, Hold>()
  /** The answers of calls whose stores were asked together. */
  const asked = new WeakMap<
    Chain,
    { readonly request: LimitRequest; readonly answer: PromiseSettledResult<LimitAnswer> }
  >()

  function* ask(
    chain: Chain,
    limits: readonly ChainLimit[],
    settings: Settings,
    call: CallOptions,
  ): Steps<Denial | undefined> {
    const known = asked.get(chain)
    const request = known?.request ?? (yield* requestFor(chain, limits, settings, holdSeconds))
    let answer: LimitAnswer
    try {
      answer = known ? settledValue(known.answer) : yield* waitUnlessAborted(store.reserve(request, call), call)
      assertAnswer(answer, limits)
    } catch (error) {
      settings.onError(error)
      return unknownLimit
    }
    if (!answer.reserved) return refusedBy(answer, limits, chain)
    holds.set(chain, holdFor(request.reservation, limits, store))
    return undefined
  }

  function* askTogether(chain: Chain, settings: Settings, call: CallOptions): Steps<Settings> {
    if (callStore === undefined || !asksAll(callStore, settings, store)) return settings
    const limits = chain.links.every(({ link }) => !link.policy.hasLimits || link.payload !== undefined)
      ? limitsIn(chain, settings)
      : undefined
    // A session is looked up by itself, and a call with limits that nobody counts is refused.
    const isUsual =
      limits !== undefined &&
      findTooMany(chain, limits) === undefined &&
      chain.links.every((link) => !link.session) &&
      !limits.some((limit) => isElsewhere(limit, chain, settings))
    if (!isUsual) return settings
    const claim = yield* claimOf(chain, settings)
    const request = limits.length === 0 ? undefined : yield* requestFor(chain, limits, settings, holdSeconds)
    let answer: CallAnswer
    try {
      const question = { ids: idsOf(chain), claim, ...(request && { limits: request }) }
      answer = yield* waitUnlessAborted(callStore.ask(question, call), call)
      if (typeof answer?.revocations !== 'object') throw new TypeError('a call store must answer with settled results')
    } catch (reason) {
      answer = { revocations: { status: 'rejected', reason } }
    }
    if (request !== undefined && answer.limits !== undefined) asked.set(chain, { request, answer: answer.limits })
    return answeredBy(answer, claim, settings)
  }

  return {
    approve: (chain, rule, context, call) => checkApprovals(chain, rule, context, call),
    approveAgain: (chain, now, settings, call) => checkApprovalsAgain(chain, now, settings, call),
    ask: askTogether,
    refuse(chain, settings) {
      const limits = limitsIn(chain, settings)
      const isTooLarge = findTooMany(chain, limits)
      if (isTooLarge) return isTooLarge
      const elsewhere = limits.find((limit) => isElsewhere(limit, chain, settings))
      return elsewhere && refusedHere(elsewhere, chain)
    },
    reserve: (chain, settings, call) => ask(chain, limitsIn(chain, settings), settings, call),
    holdOf: (chain) => holds.get(chain),
    remaining: (delegations, settings, call) => remainingOf(delegations, store, settings, call),
  }
}

/** The limits of a chain, root first, each once. */
function limitsIn(chain: Chain, settings: Settings): readonly ChainLimit[] {
  const limits: ChainLimit[] = []
  // APR-62
  for (const [at, { link }] of [...chain.links, ...(chain.approvals ?? [])].entries()) {
    const { payload, policy, expiration } = link
    if (!policy.hasLimits) continue
    const byDelegate = isAdded(at, chain)
    const isApproval = at >= chain.links.length || isForOneCall(link, chain.invocation.fields)
    if (payload === undefined) throw new TypeError('a delegation with limits has no name for its payload')
    const found = limitsOf(
      { payload, policy: policy.policy, expiration },
      at,
      chain.invocation.fields.args,
      settings.clockTolerance,
    )
    // A delegation can be twice in a chain. It counts once.
    for (const one of found)
      if (limits.every((other) => other.entry.key !== one.entry.key))
        limits.push({
          ...(byDelegate ? { ...one, entry: { ...one.entry, byDelegate } } : one),
          ...(isApproval && { approver: link.issuer }),
        })
  }
  return limits
}

/** Whether a delegate has issued the delegation at a place, and not the owner. A person has made an approval. */
function isAdded(at: number, { links, invocation }: Chain): boolean {
  return at > 0 && at < links.length && links[at]?.link.issuer !== invocation.fields.subject
}

/** LMT-03 */
function findTooMany(chain: Chain, limits: readonly ChainLimit[]): Denial | undefined {
  const added = limits.filter(({ at }) => isAdded(at, chain)).length
  if (limits.length <= maxLimits && added <= maxAdded) return undefined
  const fault =
    added > maxAdded
      ? `delegates have added ${added} limits to those of the owner; at most ${maxAdded} are allowed`
      : `the chain has ${limits.length} limits; at most ${maxLimits} are allowed`
  return { code: 'too_large', message: fault, requirement: 'LMT-03' }
}

/** The settings of a call whose stores have answered. A question that has no answer yet goes to its store. */
function answeredBy(answer: CallAnswer, claim: CallClaim, settings: Settings): Settings {
  return {
    ...settings,
    revocations: { findRevocations: () => settledValue(answer.revocations) },
    replay: {
      claim: (key, expiration, options) =>
        answer.claim === undefined || key !== claim.key
          ? settings.replay.claim(key, expiration, options)
          : settledValue(answer.claim),
    },
  }
}

/** Whether a store asks for all stores of the service: one that was replaced must not be passed over. */
function asksAll(callStore: CallStore, { revocations, replay }: Settings, limitStore: LimitStore): boolean {
  return callStore.revocations === revocations && callStore.replay === replay && callStore.limitStore === limitStore
}

/** @throws the error of a store that failed. */
function settledValue<T>(result: PromiseSettledResult<T>): T {
  if (result?.status === 'fulfilled') return result.value
  throw result?.reason
}

const unknownLimit: Denial = {
  code: 'limit_unknown',
  message: 'the limit store did not answer; try again later, with a newly signed call',
  // LMT-11
  requirement: 'LMT-11',
}

function* requestFor(
  { invocation }: Chain,
  limits: readonly ChainLimit[],
  { backend, clock, commands }: Settings,
  holdSeconds: number | undefined,
): Steps<LimitRequest> {
  const isIdempotent = commands?.get(invocation.fields.command)?.idempotent === true
  return {
    reservation: randomName(),
    entries: limits.map(({ entry }) => entry),
    deadline: secondsOf(clock) + (holdSeconds ?? callSeconds),
    commit: holdSeconds === undefined,
    ...(isIdempotent && { task: cidTextOfKey(digestKey(yield* wait(backend.sha256(invocation.task())))) }),
  }
}

/** 128 random bits, in hexadecimal. */
function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether a limit is for another service. A guard that asks about audiences has accepted that of the call. */
function isElsewhere({ limit }: ChainLimit, { invocation }: Chain, { audiences }: Settings): boolean {
  const own: readonly string[] = audiences ?? [audienceOf(invocation.fields)]
  return limit[0] === 'limit/uses' && limit[2] !== undefined && !own.includes(limit[2])
}

/** LMT-19 */
function refusedHere({ at, statement, limit }: ChainLimit, { links, invocation }: Chain): Denial {
  const { issuer: audience, subject, command } = invocation.fields
  const name = at < links.length ? linkName(at, links.length) : 'an approval'
  return {
    code: 'policy_unsatisfied',
    message: `${name}: \`${limit[0]}\` (policy statement ${statement + 1}) is for calls to another service`,
    at: Math.min(at, links.length),
    requirement: 'LMT-19',
    approvable: { audience, subject, command },
  }
}

/** Some stores may refuse by an answer of another form. */
function assertAnswer(answer: LimitAnswer, limits: readonly ChainLimit[]): void {
  if (answer?.reserved === true) return
  const isRefusal =
    answer?.reserved === false && limits.some(({ entry }) => entry.key === answer.key) && isState(answer)
  if (!isRefusal) throw new TypeError('a limit store must answer `{ reserved: true }`, or with a limit and its state')
}

/** LMT-12 */
function refusedBy(
  { key, remaining, freeAt }: { readonly key: string } & LimitState,
  limits: readonly ChainLimit[],
  { links, invocation }: Chain,
): Denial {
  const { at: place, statement, limit, entry } = limits.find((one) => one.entry.key === key) as ChainLimit
  // Approvals are counted after the chain.
  const at = Math.min(place, links.length)
  const { issuer: audience, subject, command } = invocation.fields
  const left = showAmount(limit, remaining)
  const name = `${place < links.length ? linkName(at, links.length) : 'an approval'}: \`${limit[0]}\` (policy statement ${statement + 1})`
  const isOver = entry.kind === 'total'
  const next = freeAt === undefined ? 'when another call has ended' : `after ${showTime(freeAt)}`
  return {
    code: isOver ? 'limit_exhausted' : 'limit_busy',
    message: isOver
      ? `${name} has ${left} of ${showAmount(limit, entry.maximum)} left, less than this call needs`
      : `${name} is reached; call again ${next}`,
    at,
    requirement: 'LMT-12',
    detail: { kind: 'limit', statement, limit, remaining: left, ...(freeAt !== undefined && { freeAt }) },
    ...(isOver && { approvable: { audience, subject, command } }),
  }
}

function holdFor(reservation: string, limits: readonly ChainLimit[], store: LimitStore): Hold {
  return {
    limits,
    async commit(call) {
      const answer: unknown = await store.commit(reservation, call)
      if (typeof answer !== 'boolean') throw new TypeError('a limit store must answer a commit with true or false')
      return answer
    },
    async release(call) {
      await store.release(reservation, call)
    },
  }
}
