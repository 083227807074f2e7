import type { AuditEvent, DeniedEvent, IntentEvent, OutcomeEvent } from '../../src/audit/events/event.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import type { Clock } from '../../src/time.ts'

export const alice = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
export const agent = 'did:key:z6MkfFJBxSBFgoAqTQLS7bTfP8MgyDypva5i6CL5PJN8RHZr'
export const service = 'did:web:mail.example'

const cid = 'bafyreih5fz46t2uxcyj6xa2v2cpmrobcgwvd5u3gjxohhcjjcvqgzuytda'

/** An event id: 32 hexadecimal digits. */
export function id(number: number): string {
  return number.toString(16).padStart(32, '0')
}

export function intent(number: number, more: Partial<IntentEvent> = {}): IntentEvent {
  return {
    kind: 'intent',
    id: id(number),
    time: 1_800_000_000 + number,
    invocation: cid,
    chain: [cid],
    principals: [alice, agent],
    subject: alice,
    invoker: agent,
    audience: service,
    command: '/mail/send',
    vault: 'smtp',
    ...more,
  }
}

export function outcome(number: number, of: number, more: Partial<OutcomeEvent> = {}): OutcomeEvent {
  return { kind: 'outcome', id: id(number), time: 1_800_000_000 + number, intent: id(of), status: 'ok', ...more }
}

export function denied(number: number, more: Partial<DeniedEvent> = {}): DeniedEvent {
  return {
    kind: 'denied',
    id: id(number),
    time: 1_800_000_000 + number,
    authenticated: true,
    invoker: agent,
    command: '/mail/send',
    code: 'policy_unsatisfied',
    requirement: 'POL-01',
    at: 0,
    ...more,
  }
}

/** The lines of a log of intents, numbered from 1. */
export async function logOf(count: number): Promise<string[]> {
  const sink = memoryAuditSink()
  for (let i = 1; i <= count; i++) await sink.append(intent(i), {})
  return [...sink.lines()]
}

/** A clock that returns the same time until it is set. */
export function stoppedClock(now = 1_800_000_000): Clock & { set(now: number): void } {
  let present = now
  return {
    now: () => present,
    set(next: number) {
      present = next
    },
  }
}

/** A sink whose `append` comes from a test. */
export function fakeSink(
  name: string,
  append: (event: AuditEvent, options: { readonly signal?: AbortSignal }) => Promise<Confirmation>,
): AuditSink & { readonly closed: () => boolean } {
  let closed = false
  return {
    name,
    append,
    async close() {
      closed = true
    },
    closed: () => closed,
  }
}
