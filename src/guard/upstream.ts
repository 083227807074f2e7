/**
 * The two ways of a handler to the credential. A release is recorded first, the call is asked about again, and nothing is
 * released to a handler that has ended.
 *
 * @module
 */

import type { Authorization } from '../authorization/authorization.ts'
import type { Authorizer } from '../authorization/authorize.ts'
import { ArgumentError, VaultError } from '../errors.ts'
import { anything, type OptionChecks, readOptions } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import type { Lease, Release, UseOptions, Vault } from '../vault/vault.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { GuardedCall, UpstreamRequest } from './call.ts'
import { credentialFor, type GuardedCommand } from './command.ts'
import { waitAtMost } from './deadline.ts'
import type { Telemetry } from './telemetry.ts'

/** Options of {@link createUpstream}. */
export interface UpstreamOptions {
  readonly authorization: Authorization
  readonly authorizer: Authorizer
  readonly command: GuardedCommand
  /** How long a lease may take to be given back, in milliseconds. */
  readonly handlerMs: number
  /** The name of the intent that was recorded. */
  readonly intent: string
  readonly telemetry: Telemetry
  readonly trail: AuditTrail
  readonly vault: Vault | undefined
}

/** The ways to the credential, and their end. */
export interface Upstream {
  readonly fetch: GuardedCall['fetch']
  readonly lease: GuardedCall['lease']
  /** Status of the last response, for the record of the outcome. */
  status(): { readonly upstreamStatus?: number }
  /** Whether this is the error with which the record of a release was not confirmed. */
  isUnrecorded(error: unknown): boolean
  /**
   * Gives up what the handler began and did not wait for, and breaks off the bodies that it neither reads nor returns.
   * Resolves when nothing is under way any more.
   *
   * @param value - what the handler returned.
   */
  end(value: unknown): Promise<void>
  /** Gives back the leases that the handler left open; their secrets are overwritten at once. Never rejects. */
  giveBack(): Promise<void>
}

/** Milliseconds for which a vault is waited for that ignores its signal. */
const settleMs = 1_000

/**
 * Opens the ways to the credential for one handler.
 *
 * @param signal - fires when the handler is waited for no longer.
 */
export function createUpstream(options: UpstreamOptions, signal: AbortSignal): Upstream {
  const { authorization, authorizer, handlerMs, intent, telemetry, trail } = options
  const { command } = options.command
  /** One for each request under way, and for each response whose body may still be read. */
  const controllers = new Set<AbortController>()
  const underWay = new Map<AbortController, Promise<unknown>>()
  const records = new Set<Promise<unknown>>()
  const responses = new Map<Response, AbortController>()
  const leases: Lease[] = []
  const unrecorded: unknown[] = []
  let upstreamStatus: number | undefined
  let ended = false
  const forward = (): void => {
    for (const controller of controllers) controller.abort(signal.reason)
  }
  signal.addEventListener('abort', forward, { once: true })

  async function announce(release: Release, own: AbortSignal): Promise<void> {
    if (ended) throw tooLate()
    const record = trail.released(intent, release, own)
    records.add(record)
    try {
      await record
    } catch (error) {
      // A release that was given up need not be on record: nothing is sent.
      own.throwIfAborted()
      unrecorded.push(error)
      telemetry.error(error)
      throw error
    } finally {
      records.delete(record)
    }
    // The record of it was waited for, and the handler may not have been.
    if (ended) throw tooLate()
  }

  async function callVault<R>(
    own: AbortController,
    step: (vault: Vault, reference: string, options: UseOptions) => Promise<R>,
  ): Promise<R> {
    if (ended) throw tooLate()
    signal.throwIfAborted()
    const reference = credentialFor(options.command, authorization)
    const { vault } = options
    if (vault === undefined || reference === undefined) {
      throw new ArgumentError(`\`${command}\` has no \`credential\`; name one where the command is given to the guard`)
    }
    const started = performance.now()
    controllers.add(own)
    return telemetry.span('vault.lease', (set) => {
      set('gen_ai.tool.name', command)
      return step(vault, reference, {
        signal: own.signal,
        // GRD-02
        recheck: (asked, given) => authorizer.recheck(asked, given),
        onRelease: async (released) => {
          await announce(released, own.signal)
          telemetry.event({ name: 'released', command, durationMs: performance.now() - started })
        },
      })
    })
  }

  /** A handler need not wait for the promise: a rejection of it is handled. */
  function begin<R>(task: (own: AbortController) => Promise<R>): Promise<R> {
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

  function giveBackOne(lease: Lease): Promise<void> {
    return waitAtMost(handlerMs, [], async () => lease.revoke())
  }

  return {
    fetch: (url, given = {}) =>
      begin(async (own) => {
        const request = readOptions('fetch', given, requestChecks)
        const response = await callVault(own, (vault, reference, how) =>
          vault.use({ ...request, url, reference, authorization }, how),
        )
        if (ended) throw tooLate()
        upstreamStatus = response.status
        responses.set(response, own)
        return response
      }),
    lease: () =>
      begin(async (own) => {
        const lease = await callVault(own, (vault, reference, how) => vault.lease(reference, { ...how, authorization }))
        if (!ended && !signal.aborted) {
          leases.push(lease)
          return lease
        }
        await giveBackOne(lease)
        throw tooLate()
      }),
    status: () => (upstreamStatus === undefined ? {} : { upstreamStatus }),
    isUnrecorded: (error) => unrecorded.includes(error),
    async end(value) {
      ended = true
      // GRD-13
      for (const own of underWay.keys()) own.abort(tooLate())
      for (const [response, own] of responses) {
        // A vault of another make may answer with what is not a Response.
        const body = quietly(() => response.body)
        if (body === null || body?.locked || isIn(value, response)) continue
        // GRD-14: by its signal, so that whoever reads it later learns why
        own.abort(unread())
      }
      const settled = Promise.all(underWay.values())
      await waitAtMost(settleMs, [], () => settled).catch(() => undefined)
      await Promise.allSettled(records)
    },
    async giveBack() {
      for (const ended of await Promise.allSettled(leases.map(giveBackOne))) {
        if (ended.status === 'rejected') telemetry.error(ended.reason)
      }
    },
  }
}

/** The vault looks at the values. */
const requestChecks: OptionChecks<UpstreamRequest> = Object.freeze({
  method: anything,
  headers: anything,
  body: anything,
})

/** Whether a value is a response or its body, or a list or an object with one of them. */
function isIn(value: unknown, response: Response): boolean {
  const isIt = (part: unknown): boolean =>
    part === response || part === response.body || (part instanceof Response && part.body === response.body)
  const holds = (): boolean =>
    isIt(value) || (typeof value === 'object' && value !== null && Object.values(value).some(isIt))
  // A value of the handler's own can throw when it is looked at.
  return quietly(holds) === true
}

function tooLate(): VaultError {
  return new VaultError('ERR_VAULT_UNAVAILABLE', 'the call has ended; a handler awaits what it begins')
}

function unread(): VaultError {
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    'the call has ended; a handler reads the body of a response, or returns the response',
  )
}
