import type { Authorization } from '../authorization/authorization.ts'
import type { Authorizer } from '../authorization/authorize.ts'
import { anything, checkOptions, type Forms } from '../check-options.ts'
import { ArgumentError, VaultError } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
import type { Receipt } from '../receipt/receipt.ts'
import type { Clock } from '../time.ts'
import type { Lease, ReleaseOptions, Vault } from '../vault/vault.ts'
import type { AuditTrail, Ending } from './audit-trail.ts'
import { createCall, type Handler, type UpstreamRequest } from './call.ts'
import { credentialFor, type GuardedCommand } from './command.ts'
import { isDeadline, withinDeadline } from './deadline.ts'
import { signReceipt } from './receipt.ts'
import type { GuardResult } from './result.ts'
import { errorCode, type Telemetry } from './telemetry.ts'

/** What is needed to do what was authorized. */
export interface Performance<Args, T> {
  readonly authorization: Authorization
  readonly command: GuardedCommand
  /** The name of the intent that was recorded. */
  readonly intent: string
  readonly handler: Handler<Args, T>
  /** That of the caller, and that of a guard that closes. */
  readonly signals: readonly (AbortSignal | undefined)[]
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly handlerMs: number
  readonly receiptMs: number
  readonly receipts: Signer | undefined
  readonly telemetry: Telemetry
  readonly trail: AuditTrail
  readonly vault: Vault | undefined
}

/** What is known of a call while it is made. */
interface Seen {
  /** Whether the handler has ended: nothing is released after the outcome was recorded. */
  ended: boolean
  upstream?: { readonly upstreamStatus: number }
}

/**
 * Does what was authorized and recorded as intended: runs the handler with the credential at hand, takes back what it
 * left open, and records how it ended, whichever way it did.
 *
 * @throws what the handler threw.
 */
export async function perform<Args, T>(work: Performance<Args, T>): Promise<GuardResult<T>> {
  const { authorization, command, handlerMs, signals, telemetry, clock } = work
  const started = performance.now()
  const leases: Lease[] = []
  const seen: Seen = { ended: false }
  let value: T
  try {
    // GRD-03: without a credential the handler itself is what the authorization counts for.
    if (command.credential === undefined) authorization.consume(Math.floor(clock.now()))
    value = await withinDeadline(handlerMs, signals, async (bounded) => {
      const upstream = createUpstream(work, bounded, leases, seen)
      return work.handler(createCall<Args>({ authorization, signal: bounded, ...upstream }))
    })
  } catch (error) {
    seen.ended = true
    await giveBack(leases, handlerMs, telemetry)
    const status = signals.some((signal) => signal?.aborted) || isDeadline(error) ? 'unknown' : 'error'
    await finish(work, { status, code: errorCode(error), ...seen.upstream }, started)
    throw error
  }
  seen.ended = true
  await giveBack(leases, handlerMs, telemetry)
  const record = await finish(work, { status: 'ok', ...seen.upstream }, started)
  let receipt: Receipt | undefined
  if (record !== undefined && work.receipts !== undefined) {
    const executor = work.receipts
    receipt = await withinDeadline(work.receiptMs, [], (signal) =>
      signReceipt({ executor, authorization, value, record, clock, signal }),
    ).catch((error: unknown) => {
      telemetry.error(error)
      return undefined
    })
  }
  return Object.freeze({
    allowed: true,
    value,
    recorded: record !== undefined,
    ...(receipt === undefined ? {} : { receipt }),
  })
}

/** The two ways to the credential. What is about to be released is recorded first, and the call is asked about again. */
function createUpstream<Args, T>(
  work: Performance<Args, T>,
  signal: AbortSignal,
  leases: Lease[],
  seen: Seen,
): { fetch(url: string | URL, request?: UpstreamRequest): Promise<Response>; lease(): Promise<Lease> } {
  const { authorization, authorizer, intent, telemetry, trail } = work
  const { command } = work.command
  const reference = (): { vault: Vault; reference: string } => {
    const name = credentialFor(work.command, authorization)
    if (work.vault !== undefined && name !== undefined) return { vault: work.vault, reference: name }
    throw new ArgumentError(`\`${command}\` has no \`credential\`; name one where the command is given to the guard`)
  }
  const release = async <R>(step: (options: ReleaseOptions) => Promise<R>): Promise<R> => {
    const started = performance.now()
    return telemetry.span('vault.lease', (set) => {
      set('gen_ai.tool.name', command)
      return step({
        signal,
        // GRD-02
        recheck: (asked, options) => authorizer.recheck(asked, options),
        onRelease: async (released) => {
          if (seen.ended) throw tooLate()
          await trail.released(intent, released, signal)
          // the record of it was waited for, and the handler may not have been
          if (seen.ended) throw tooLate()
          telemetry.event({ name: 'released', command, durationMs: performance.now() - started })
        },
      })
    })
  }
  return {
    async fetch(url, options = {}) {
      const request = checkOptions('fetch', options, requestForms)
      const { vault, reference: name } = reference()
      const response = await release((options) =>
        vault.use({ ...request, url, reference: name, authorization }, options),
      )
      seen.upstream = { upstreamStatus: response.status }
      return response
    },
    async lease() {
      const { vault, reference: name } = reference()
      const lease = await release((options) => vault.lease(name, { ...options, authorization }))
      leases.push(lease)
      if (!signal.aborted && !seen.ended) return lease
      await lease.revoke()
      throw tooLate()
    },
  }
}

/** The vault looks at the values. */
const requestForms: Forms<UpstreamRequest> = Object.freeze({ method: anything, headers: anything, body: anything })

function tooLate(): VaultError {
  return new VaultError('ERR_VAULT_UNAVAILABLE', 'the call has ended; a handler awaits what it begins')
}

/** Gives back what the handler left open, in no more time than the handler had: the outcome waits to be recorded. */
async function giveBack(leases: readonly Lease[], milliseconds: number, telemetry: Telemetry): Promise<void> {
  const ends = leases.map((lease) => withinDeadline(milliseconds, [], async () => lease.revoke()))
  for (const ended of await Promise.allSettled(ends)) {
    if (ended.status === 'rejected') telemetry.error(ended.reason)
  }
}

/** Records how the call ended. If that fails the log shows an intent without an outcome, which is the truth. */
async function finish<Args, T>(
  { command: { command }, intent, telemetry, trail }: Performance<Args, T>,
  ending: Ending,
  started: number,
): Promise<Awaited<ReturnType<AuditTrail['outcome']>> | undefined> {
  const durationMs = performance.now() - started
  telemetry.event({ name: 'finished', command, status: ending.status, durationMs })
  try {
    return await telemetry.span('audit.outcome', (set) => {
      set('gen_ai.tool.name', command)
      return trail.outcome(intent, { ...ending, durationMs: Math.round(durationMs) })
    })
  } catch (error) {
    telemetry.error(error)
    return undefined
  }
}
