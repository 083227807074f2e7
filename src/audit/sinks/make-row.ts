import { AuditError } from '../../errors.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { type EventDraft, finishRecord, type RecordHashing, type RecordLine } from '../events/draft.ts'
import type { LogPosition } from '../events/record.ts'

/** SHA-256 that is computed synchronously. */
export type SynchronousHashing = RecordHashing & { readonly sha256: (bytes: Uint8Array) => Uint8Array }

/**
 * Makes the record of an event after a position.
 *
 * @returns the record, or the error of an event that no line can contain, or that cannot be hashed. The other events of
 *   its batch do not depend on it.
 */
export function makeRow(after: LogPosition, draft: EventDraft, hashing: SynchronousHashing): RecordLine | AuditError
/** The same, for an asynchronous hash. */
export function makeRow(
  after: LogPosition,
  draft: EventDraft,
  hashing: RecordHashing,
): RecordLine | AuditError | Promise<RecordLine | AuditError>
/** Both forms. */
export function makeRow(
  after: LogPosition,
  draft: EventDraft,
  hashing: RecordHashing,
): RecordLine | AuditError | Promise<RecordLine | AuditError> {
  try {
    const made = finishRecord(after, draft, hashing)
    return isPromiseLike(made) ? made.catch(refused) : made
  } catch (cause) {
    return refused(cause)
  }
}

function refused(cause: unknown): AuditError {
  if (cause instanceof AuditError) return cause
  return new AuditError('ERR_AUDIT_UNCONFIRMED', 'the record of an event could not be made', { cause })
}
