import { AuditError } from '../../errors.ts'
import { batchPerTurn } from '../../support/batch-per-turn.ts'
import { abortedIn } from '../../support/lazy-deadline.ts'
import type { EventDraft } from '../events/draft.ts'
import type { LogPosition } from '../events/record.ts'
import { type Confirmation, type Durability, unconfirmed } from '../sink.ts'

/** Options of {@link groupCommit}. */
export interface GroupCommitOptions {
  /** Name of the sink. */
  readonly name: string
  /** How safe an event is once it is written. */
  readonly durability: Durability
  /** Most events of a batch. */
  readonly maxBatch: number
  /**
   * Writes a batch, and resolves when it is as safe as `durability`. Called for one batch at a time.
   *
   * Returns for each event its record, or the error of an event that is refused by itself. It may return fewer results
   * than there are events: the others are not written, and begin the next batch. If it throws, no event of the batch is
   * confirmed, except by `onWritten`.
   *
   * @param onWritten - called when the events are written and not yet as safe. Confirms those of `early`.
   */
  write(events: readonly EventDraft[], onWritten: (results: Written) => void): Written | Promise<Written>
  /** How safe an event is that is confirmed when it is written. Default: no event is. */
  early?(event: EventDraft): Durability | undefined
  /** The error of an event when `write` threw an error other than an `AuditError`. */
  unwritten(cause: unknown): AuditError
}

/** The records of a batch, in its order. */
export type Written = readonly (LogPosition | AuditError)[]

/** Options of `append` of a sink. */
export interface AppendOptions {
  readonly signal?: AbortSignal | undefined
}

/** Writes events in batches. */
export interface GroupCommit {
  /**
   * Adds an event to the next batch. Rejects unless it is certain that it was written.
   *
   * @param options - of `keepSignal`: they are used when the batch is written.
   */
  append(event: EventDraft, options: AppendOptions): Promise<Confirmation>
  /** Resolves when no event waits and no batch is being written. */
  settled(): Promise<void>
}

/** An event that is not written yet, and how to answer its caller. */
interface Waiting {
  readonly event: EventDraft
  readonly options: AppendOptions
  readonly resolve: (confirmation: Confirmation) => void
  readonly reject: (cause: AuditError) => void
}

/**
 * Lets the events that arrive in one turn of the event loop, or while a batch is being written, share the next batch.
 * Between two batches the event loop turns, so that other work need not wait until the queue is empty.
 */
export function groupCommit(options: GroupCommitOptions): GroupCommit {
  const { name, durability, maxBatch, write, unwritten, early } = options
  const queue = batchPerTurn<Waiting>({ most: maxBatch, isGivenUp, run: writeBatch })

  /** A caller that has given up has refused the call. A record of it now would contradict that. */
  function isGivenUp({ options, reject }: Waiting): boolean {
    try {
      const aborted = abortedIn(options)
      if (aborted === undefined) return false
      reject(unconfirmed(name, aborted.reason))
    } catch (cause) {
      // The signal of one caller may throw. The other events of the batch do not depend on it.
      reject(unconfirmed(name, cause))
    }
    return true
  }

  /**
   * Answers the events that are now as safe as the result of `of`. Each is answered once: later answers have no effect.
   */
  function confirm(
    batch: readonly Waiting[],
    results: Written,
    of: (event: EventDraft) => Durability | undefined,
  ): void {
    for (const [index, result] of results.entries()) {
      const { event, resolve, reject } = batch[index] as Waiting
      const reached = of(event)
      if (reached === undefined) continue
      if (result instanceof AuditError) reject(result)
      else resolve({ sink: name, durability: reached, sequence: result.sequence, hash: result.hash })
    }
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    let results: Written
    try {
      const events = batch.map(({ event }) => event)
      results = await write(events, (written) => confirm(batch, written, (event) => early?.(event)))
    } catch (cause) {
      const error = cause instanceof AuditError ? cause : unwritten(cause)
      for (const waiting of batch) waiting.reject(error)
      return []
    }
    confirm(batch, results, () => durability)
    return batch.slice(results.length)
  }

  return {
    append: (event, options) => new Promise((resolve, reject) => queue.add({ event, options, resolve, reject })),
    settled: queue.settled,
  }
}
