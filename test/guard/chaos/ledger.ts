import type { AuditEvent } from '../../../src/audit/events/event.ts'
import type { AuditSink, Confirmation } from '../../../src/audit/sink.ts'
import { AuditError } from '../../../src/errors.ts'
import { answer, mannerOf } from './faults.ts'
import type { Random } from './random.ts'

/** Events of a world, in order. */
export interface Ledger {
  /** Returns the next moment: a number that always increases. */
  tick(): number
  /** Confirmed intents by id, with the number of the call. Not sure if the append may have been abandoned. */
  readonly intents: Map<string, { readonly call: number; readonly sure: boolean }>
  /** Outcomes by the id of their intent: when the sink got them, and whether it was closed. */
  readonly outcomes: Map<string, { readonly at: number; readonly closed: boolean }[]>
  /** Requests with a credential: the call, the time, and the hop. */
  readonly requests: { readonly call: number; readonly at: number; readonly hop: number }[]
  /** When the guard was closed. */
  closedAt: number
}

/** Creates an empty ledger. */
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

/** A sink that fails in every way, and adds its confirmed intents to the ledger. */
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
    // Do not count appends that the guard has abandoned. When the agent has left before, the signal has another reason.
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
