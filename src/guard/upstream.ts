/**
 * The two ways of a handler to the credential, `fetch` and `lease`. `perform.ts` has the order of their steps.
 *
 * @module
 */

import type { RevocationAge } from '../audit/events/event.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import { ArgumentError, AuthorizationError, VaultError } from '../errors.ts'
import { withinDeadline } from '../support/deadline.ts'
import { type LazyDeadline, onAbort, throwIfAborted } from '../support/lazy-deadline.ts'
import { anything, type OptionChecks, orEmpty, readOptions } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { quote } from '../support/quote.ts'
import type { Lease, Release, UseOptions, Vault } from '../vault/vault.ts'
import type { GuardedCall, GuardedRun, UpstreamRequest } from './call.ts'
import { credentialFor } from './command.ts'
import type { GuardContext } from './context.ts'
import { waitAtMost } from './deadline.ts'

/** The ways of a handler to the credential. */
export interface Upstream {
  readonly fetch: GuardedCall['fetch']
  readonly lease: GuardedCall['lease']
  /** The status of the last response, for the record of the outcome. */
  status(): { readonly upstreamStatus?: number }
  /**
   * Whether this is the error with which the record of a release was not confirmed, and nothing was released for the
   * call before or after it.
   */
  isUnrecorded(error: unknown): boolean
  /** Whether nothing was released for the call because it could not be found out whether it was revoked. */
  isUnknown(error: unknown): boolean
  /**
   * Aborts the requests that the handler did not wait for, and the bodies that it neither reads nor returns. Resolves
   * when no request is in progress. Undefined if there was no request.
   *
   * @param value - the value that the handler returned.
   */
  end(value: unknown): Promise<void> | undefined
  /** Returns the leases that the handler left open; their secrets are overwritten at once. Never rejects. */
  giveBack(): Promise<void> | undefined
}

/** The parts of a call that a release uses. */
export type ReleaseOf = Pick<GuardedRun<never, never>, 'authorization' | 'command' | 'intent'>

/** Milliseconds to wait for a vault that ignores its signal. */
const settleMs = 1_000

/** The work in progress for one handler. */
interface State {
  readonly context: GuardContext
  readonly work: ReleaseOf
  /** Aborted when the wait for the handler ends. */
  readonly deadline: LazyDeadline
  /** One for each request in progress, and for each response whose body may still be read. */
  readonly controllers: Set<AbortController>
  readonly underWay: Map<AbortController, Promise<unknown>>
  /** Records of releases that are not confirmed yet. */
  readonly records: Set<Promise<unknown>>
  readonly responses: Map<Response, AbortController>
  readonly leases: Lease[]
  /** Errors of records that were not confirmed. */
  readonly unrecorded: unknown[]
  /** Whether the revocation store did not answer before a release. */
  unknown: boolean
  /** Whether the record of a release was confirmed. */
  released: boolean
  upstreamStatus: number | undefined
  /** Uses of the authorization. */
  uses: number
  ended: boolean
}

/**
 * Opens the ways to the credential for one handler. Most handlers do not use them, so their state is made on first use.
 *
 * @param deadline - aborted when the wait for the handler ends.
 */
export function createUpstream(context: GuardContext, work: ReleaseOf, deadline: LazyDeadline): Upstream {
  let state: State | undefined
  let hasEnded = false
  const opened = (): State => {
    state ??= createState(context, work, deadline, hasEnded)
    return state
  }
  return {
    fetch: (url, request = {}) => begin(opened(), (own) => send(opened(), own, url, request)),
    lease: () => begin(opened(), (own) => takeLease(opened(), own)),
    status: () => (state?.upstreamStatus === undefined ? {} : { upstreamStatus: state.upstreamStatus }),
    isUnrecorded: (error) => state?.released === false && state.unrecorded.includes(error),
    isUnknown: (error) =>
      state?.released === false &&
      state.unknown &&
      error instanceof VaultError &&
      error.code === 'ERR_VAULT_UNAVAILABLE',
    end(value) {
      hasEnded = true
      return state === undefined ? undefined : end(state, value)
    },
    giveBack: () => (state === undefined ? undefined : giveBack(state)),
  }
}

function createState(context: GuardContext, work: ReleaseOf, deadline: LazyDeadline, ended: boolean): State {
  const state: State = {
    context,
    work,
    deadline,
    upstreamStatus: undefined,
    uses: 0,
    ended,
    controllers: new Set(),
    underWay: new Map(),
    records: new Set(),
    responses: new Map(),
    leases: [],
    unrecorded: [],
    unknown: false,
    released: false,
  }
  onAbort(deadline, (reason) => {
    for (const controller of state.controllers) controller.abort(reason)
  })
  return state
}

async function giveBack({ context, leases }: State): Promise<void> {
  for (const settled of await Promise.allSettled(leases.map((lease) => revoke(context, lease)))) {
    if (settled.status === 'rejected') context.telemetry.error(settled.reason)
  }
}

/** Starts work of the handler. The handler need not wait for the promise: a rejection of it is handled. */
function begin<R>({ controllers, underWay }: State, task: (own: AbortController) => Promise<R>): Promise<R> {
  const own = new AbortController()
  const work = task(own)
  const settled = work.then(
    () => void underWay.delete(own),
    () => {
      underWay.delete(own)
      controllers.delete(own)
    },
  )
  underWay.set(own, settled)
  return work
}

async function send(state: State, own: AbortController, url: string | URL, given: UpstreamRequest): Promise<Response> {
  const request = readOptions('fetch', given, requestChecks)
  const response = await release(state, own, (vault, reference, authorization, options) =>
    vault.use({ ...request, url, reference, authorization }, options),
  )
  if (state.ended) throw tooLate()
  state.upstreamStatus = response.status
  state.responses.set(response, own)
  return response
}

async function takeLease(state: State, own: AbortController): Promise<Lease> {
  const lease = await release(state, own, (vault, reference, authorization, options) =>
    vault.lease(reference, { ...options, authorization }),
  )
  if (!state.ended && !state.deadline.isAborted) {
    state.leases.push(lease)
    return lease
  }
  await revoke(state.context, lease)
  throw tooLate()
}

function revoke({ deadlines }: GuardContext, lease: Lease): Promise<void> {
  return waitAtMost({ of: 'the return of a lease', limit: 'handlerMs', deadlines }, async () => lease.revoke())
}

/** Steps 2a to 2d of `perform`: the vault calls `recheck` and then `onRelease`, before the secret is used. */
async function release<R>(
  state: State,
  own: AbortController,
  step: (vault: Vault, reference: string, authorization: Authorization, options: UseOptions) => Promise<R>,
): Promise<R> {
  const { authorizer, revocationAge, telemetry, vault } = state.context
  const { command: definition } = state.work
  const { command } = definition
  if (state.ended) throw tooLate()
  throwIfAborted(state.deadline)
  const reference = credentialFor(definition)
  if (vault === undefined || reference === undefined) {
    throw new ArgumentError(`command ${quote(command)} has no \`credential\`; name one in \`commands\` of createGuard`)
  }
  const authorization = nextUse(state)
  const started = performance.now()
  let age: RevocationAge | undefined
  state.controllers.add(own)
  return telemetry.span('vault.lease', (set) => {
    set('gen_ai.tool.name', command)
    return step(vault, reference, authorization, {
      signal: own.signal,
      // GRD-02
      recheck: async (call, options) => {
        age = revocationAge()
        try {
          return await authorizer.recheck(call, options)
        } catch (error) {
          state.unknown = true
          throw error
        }
      },
      onRelease: async (released) => {
        await recordRelease(state, released, revocationAge(age), own.signal)
        telemetry.event({ name: 'released', command, durationMs: performance.now() - started })
      },
    })
  })
}

/**
 * SVC-14: the authorization of the call for its first use, and another for each further one that the command allows.
 * The vault refuses one that was used before.
 */
function nextUse(state: State): Authorization {
  const { authorization, command } = state.work
  state.uses += 1
  const { requests = 1 } = command
  if (state.uses === 1 || (requests === 1 && !authorization.consumed)) return authorization
  if (state.uses <= requests) return state.context.another(authorization)
  const made = requests === 1 ? '1 upstream request' : `${requests} upstream requests`
  throw new AuthorizationError(
    `the call has made ${made}, the most that \`requests\` of ${quote(command.command)} allows; set \`requests\` of the command to permit more`,
  )
}

async function recordRelease(
  state: State,
  release: Release,
  age: RevocationAge | undefined,
  own: AbortSignal,
): Promise<void> {
  const { records, unrecorded, work } = state
  const { telemetry, trail } = state.context
  if (state.ended) throw tooLate()
  const record = trail.released(work.intent, release, own, age)
  records.add(record)
  try {
    await record
    state.released = true
  } catch (error) {
    // A release that was aborted need not be on record: nothing is sent.
    own.throwIfAborted()
    unrecorded.push(error)
    telemetry.error(error)
    throw error
  } finally {
    records.delete(record)
  }
  // The handler may have ended during the wait for the record.
  if (state.ended) throw tooLate()
}

async function end(state: State, value: unknown): Promise<void> {
  state.ended = true
  // GRD-13
  for (const own of state.underWay.keys()) own.abort(tooLate())
  for (const [response, own] of state.responses) {
    // A custom vault may resolve to a value that is not a Response.
    const body = quietly(() => response.body)
    if (body === null || body?.locked || isIn(value, response)) continue
    // GRD-14: by its signal, so that a later read fails with the reason.
    own.abort(unread())
  }
  const settled = Promise.all(state.underWay.values())
  await withinDeadline(settleMs, {}, () => settled).catch(() => undefined)
  await Promise.allSettled(state.records)
}

/** The vault checks the values. Undefined is the default, as for `fetch` of the platform. */
const requestChecks: OptionChecks<UpstreamRequest> = Object.freeze({
  method: orEmpty(anything),
  headers: orEmpty(anything),
  body: orEmpty(anything),
  redirect: orEmpty(anything),
})

/** Whether a value is a response or its body, or a list or an object with one of them. */
function isIn(value: unknown, response: Response): boolean {
  const isIt = (part: unknown): boolean =>
    part === response || part === response.body || (part instanceof Response && part.body === response.body)
  const holds = (): boolean =>
    isIt(value) || (typeof value === 'object' && value !== null && Object.values(value).some(isIt))
  // A value of the handler may throw when it is inspected.
  return quietly(holds) === true
}

function tooLate(): VaultError {
  return new VaultError('ERR_VAULT_UNAVAILABLE', 'the call has ended; a handler must await its `fetch` and `lease`')
}

function unread(): VaultError {
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    'the call has ended; a handler must read the body of a response, or return the response',
  )
}
