import { AuditError } from '../../errors.ts'
import { keepSignal } from '../../support/lazy-deadline.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { quote } from '../../support/quote.ts'
import { draftEvent, type RecordHashing } from '../events/draft.ts'
import type { AuditEvent } from '../events/event.ts'
import type { Confirmation } from '../sink.ts'
import { type AppendOptions, type GroupCommitOptions, groupCommit } from './group-commit.ts'

/** Writes events in batches, until it is closed. */
export interface BatchedLog {
  append(event: AuditEvent, options?: AppendOptions): Promise<Confirmation>
  /** Resolves when all events that were accepted are written or rejected. Further events are rejected. */
  close(): Promise<void>
}

/** Makes the two methods of a sink whose writer writes batches of drafts. */
export function batchedLog(hashing: RecordHashing, options: GroupCommitOptions): BatchedLog {
  const batches = groupCommit(options)
  let closed = false
  return {
    async append(event, given = {}) {
      const kept = keepSignal(given)
      const read = draftEvent(event, hashing)
      const draft = isPromiseLike(read) ? await read : read
      // Not before the draft, which may take longer than the close.
      if (closed) throw new AuditError('ERR_AUDIT_CLOSED', `the audit sink ${quote(options.name)} is closed`)
      return batches.append(draft, kept)
    },
    async close() {
      closed = true
      await batches.settled()
    },
  }
}
