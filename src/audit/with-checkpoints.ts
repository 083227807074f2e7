import { unlessAborted } from '../abort.ts'
import { callback, having, maybe, number, text } from '../check-options.ts'
import { AuditError, quote } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'
import { appendTo } from './append-to.ts'
import { type Checkpoint, signCheckpoint } from './checkpoint.ts'
import { checkConfiguration, sinkForm } from './configuration.ts'
import { type AuditEvent, newEventId } from './event.ts'
import { historyOf } from './history.ts'
import type { LogPosition } from './record.ts'
import type { AuditSink, Confirmation } from './sink.ts'

/** Options of {@link withCheckpoints}. */
export interface CheckpointOptions {
  /** Who signs. */
  readonly signer: Signer
  /** Name of the log. */
  readonly log: string
  /** A checkpoint is due when this many records were written since the last. Default 1,000. */
  readonly everyRecords?: number
  /** A checkpoint is due with the first record this many seconds after the last. Default 60. */
  readonly everySeconds?: number
  /**
   * Sends the checkpoint to a second place: another machine, a bucket that cannot be overwritten, a transparency log.
   * Resolves when it is there; rejects when it is not, and then no further record is confirmed until it is.
   */
  readonly publish: (checkpoint: Checkpoint, options: { readonly signal?: AbortSignal }) => void | Promise<void>
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/**
 * Signs how far the log has come, publishes it, and writes it into the log as well.
 *
 * A record is confirmed only when the checkpoint that is due with it was published: never are more than `everyRecords`
 * records, and those that are being written at that moment, unprotected against truncation. LOG-08
 *
 * @param sink - one that keeps a log, so that its confirmations have `sequence` and `hash`.
 */
export function withCheckpoints(sink: AuditSink, options: CheckpointOptions): AuditSink {
  checkConfiguration('withCheckpoints', { sink }, { sink: sinkForm })
  checkConfiguration('withCheckpoints', options, {
    signer: having('sign'),
    log: text,
    everyRecords: maybe(number(1)),
    everySeconds: maybe(number(1)),
    publish: callback,
    clock: maybe(having('now')),
  })
  const { signer, log, everyRecords = 1000, everySeconds = 60, publish, clock = systemClock } = options
  let signed: LogPosition | undefined
  let signedAt: Timestamp = Math.floor(clock.now())
  let latest: LogPosition | undefined
  let pending: Pending | undefined

  async function make(position: LogPosition, signal: AbortSignal | undefined): Promise<void> {
    const time = Math.floor(clock.now())
    const given = signal === undefined ? {} : { signal }
    async function work(): Promise<void> {
      const checkpoint = await signCheckpoint({ signer, log, position, time, ...given })
      await publish(checkpoint, given)
      await appendTo(sink, { ...checkpoint, kind: 'checkpoint', id: newEventId() }, given)
    }
    try {
      // what does not mind the signal must not hold those who come after
      await unlessAborted(work, signal)
    } catch (cause) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `no checkpoint of the log ${quote(log)} could be made`, { cause })
    }
    signed = position
    signedAt = time
  }

  function begin(position: LogPosition, signal: AbortSignal | undefined): Pending {
    const work = make(position, signal).finally(() => {
      pending = undefined
    })
    return { work, signal }
  }

  function isDue(position: LogPosition): boolean {
    // The first record after a start counts from the record before it.
    signed ??= { sequence: position.sequence - 1, hash: '' }
    return position.sequence - signed.sequence >= everyRecords || clock.now() - signedAt >= everySeconds
  }

  async function append(event: AuditEvent, options: { readonly signal?: AbortSignal }): Promise<Confirmation> {
    const confirmation = await appendTo(sink, event, options)
    const { sequence, hash } = confirmation
    if (sequence === undefined || hash === undefined) {
      throw new AuditError(
        'ERR_AUDIT_CONFIGURATION',
        `the audit sink ${quote(sink.name)} keeps no log to make checkpoints of`,
      )
    }
    if (latest === undefined || sequence > latest.sequence) latest = { sequence, hash }
    while (isDue(latest)) {
      // One at a time: whoever comes while one is being made waits for that, and then looks again.
      pending ??= begin(latest, options.signal)
      const { work, signal } = pending
      try {
        await work
      } catch (error) {
        // Who gave up while it was made for them gave up for themselves.
        if (!signal?.aborted || options.signal?.aborted) throw error
      }
    }
    return confirmation
  }

  async function close(): Promise<void> {
    try {
      if (latest !== undefined && latest.sequence > (signed?.sequence ?? 0)) await make(latest, undefined)
    } finally {
      await sink.close()
    }
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close })
}

/** A checkpoint that is being made, and the signal of the one it is made for. */
interface Pending {
  readonly work: Promise<void>
  readonly signal: AbortSignal | undefined
}
