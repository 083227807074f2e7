import { AuditError } from '../../errors.ts'
import { integerFrom, oneOfStrings } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { quote } from '../../support/quote.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditSink, type Confirmation, durabilities, type ImmediateAppend, unconfirmed } from '../sink.ts'

/**
 * Appends an event to a sink. A call depends on the confirmation, so its form is checked: a sink that resolves to
 * undefined, or to an error, has not confirmed. AUD-23
 *
 * @throws AuditError when the sink rejects, or resolves to a value other than a confirmation.
 */
export async function appendTo(
  sink: AuditSink,
  event: AuditEvent,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Confirmation> {
  try {
    return confirmationIn(await sink.append(event, options), sink.name)
  } catch (cause) {
    throw unconfirmed(sink.name, cause)
  }
}

/** The same by the second form of `append`: synchronously where the sink can. It then throws the error. */
export function appendImmediately(
  sink: AuditSink,
  second: ImmediateAppend,
  event: AuditEvent,
  options: { readonly signal?: AbortSignal | undefined },
): Confirmation | Promise<Confirmation> {
  try {
    const answer = second.append(event, options)
    return isPromiseLike(answer) ? confirmLater(sink, answer) : confirmationIn(answer, sink.name)
  } catch (cause) {
    throw unconfirmed(sink.name, cause)
  }
}

async function confirmLater(sink: AuditSink, answer: Promise<Confirmation>): Promise<Confirmation> {
  try {
    return confirmationIn(await answer, sink.name)
  } catch (cause) {
    throw unconfirmed(sink.name, cause)
  }
}

const isDurability = oneOfStrings(...durabilities)
const isNumber = integerFrom(1)

/** Reads each field once: an object with getters could change between the check and the use. */
function confirmationIn(answer: unknown, name: string): Confirmation {
  const { sink, durability, sequence, hash } = Object(answer) as Partial<Record<keyof Confirmation, unknown>>
  const wellFormed =
    typeof sink === 'string' &&
    isDurability(durability) === undefined &&
    (sequence === undefined || isNumber(sequence) === undefined) &&
    (hash === undefined || (typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)))
  if (!wellFormed) {
    throw new AuditError(
      'ERR_AUDIT_UNCONFIRMED',
      `the audit sink ${quote(String(name))} did not confirm: \`append\` must resolve to { sink, durability }, with \`sequence\` and \`hash\` if it keeps a log`,
    )
  }
  return {
    sink,
    durability,
    ...(sequence !== undefined && { sequence }),
    ...(hash !== undefined && { hash }),
  } as Confirmation
}
