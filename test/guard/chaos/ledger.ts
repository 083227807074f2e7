import type { AuditEvent } from '../../../src/audit/events/event.ts'
import type { AuditSink, Confirmation } from '../../../src/audit/sink.ts'
import { AuditError } from '../../../src/errors.ts'
import { answer, mannerOf } from './faults.ts'
import type { Random } from './random.ts'

/** Events of a world, in order. */
export interface Ledger {
  /** The next moment: a number that only grows. */
  tick(): number
  /** Calls by the name of their intent, once that was confirmed; not for sure when nobody may have waited any more. */
  readonly intents: Map<string, { readonly call: number; readonly sure: boolean }>
  /** Outcomes by the name of their intent: when they were handed to the sink, and whether it was closed. */
  readonly outcomes: Map<string, { readonly at: number; readonly closed: boolean }[]>
  /** Requests with a credential: of which call, when, and which hop. */
  readonly requests: { readonly call: number; readonly at: number; readonly hop: number }[]
  /** When the guard had closed. */
  closedAt: number
}

/** Makes an empty one. */
export function createLedger(): Ledger {
  let now = 0
  return {
    tick: () => (now += 1),
    intents: new Map(),
    outcomes: new Map(),
    requests: [],
    closedAt: Number.POSITIVE_INFINITY,
  }
}

/** A sink that fails in every way, and writes down the intents that it confirmed. */
export function chaoticSink(ledger: Ledger, random: Random, faultPercent: number): AuditSink {
  let closed = false
  const confirmation: Confirmation = { sink: 'chaos', durability: 'process' }

  async function append(event: AuditEvent, { signal }: { readonly signal?: AbortSignal }): Promise<Confirmation> {
    if (event.kind === 'outcome') {
      const before = ledger.outcomes.get(event.intent) ?? []
      ledger.outcomes.set(event.intent, [...before, { at: ledger.tick(), closed }])
    }
    if (closed) throw new AuditError('ERR_AUDIT_CLOSED', 'the audit sink is closed')
    try {
      await answer(mannerOf(random, faultPercent), random, () => undefined, signal)
    } catch (cause) {
      throw random.percent(50) ? cause : new AuditError('ERR_AUDIT_UNCONFIRMED', 'no', { cause: cause as Error })
    }
    // given up by the guard; when the agent has left before, the signal does not say so
    const { code } = (signal?.reason ?? {}) as { readonly code?: string }
    if (event.kind === 'intent' && code !== 'ERR_AUDIT_DEADLINE') {
      ledger.intents.set(event.id, { call: Number(event.args?.['number']), sure: signal?.aborted !== true })
    }
    return confirmation
  }

  return {
    name: 'chaos',
    append,
    close: async () => {
      closed = true
      if (random.percent(faultPercent)) throw new Error('it does not close')
    },
  }
}
