import { AuditError } from '../../errors.ts'
import { integerFrom, nonEmptyString, oneOfStrings } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditSink, type Confirmation, durabilities, unconfirmed } from '../sink.ts'

/**
 * Appends an event to a sink. Calls are made on the word of the sink, so that nothing but a confirmation is one: a
 * sink that returns nothing, or returns its failure, has not confirmed. AUD-23
 *
 * @throws AuditError for whatever the sink throws, and for another answer than a confirmation.
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

/** Read once, and copied: what was checked is what is handed on. */
function confirmationIn(answer: unknown, name: string): Confirmation {
  const { sink, durability, sequence, hash } = Object(answer) as Partial<Record<keyof Confirmation, unknown>>
  const wellFormed =
    typeof sink === 'string' &&
    oneOfStrings(...durabilities)(durability) === undefined &&
    (sequence === undefined || integerFrom(1)(sequence) === undefined) &&
    (hash === undefined || (nonEmptyString(hash) === undefined && /^[0-9a-f]{64}$/.test(hash as string)))
  if (!wellFormed) {
    throw new AuditError(
      'ERR_AUDIT_UNCONFIRMED',
      `the audit sink ${quote(String(name))} did not confirm: its answer must be { sink, durability }, with sequence and hash where it keeps a log`,
    )
  }
  return {
    sink,
    durability,
    ...(sequence !== undefined && { sequence }),
    ...(hash !== undefined && { hash }),
  } as Confirmation
}
