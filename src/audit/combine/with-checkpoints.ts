import { publicKey } from '../../did/did-key.ts'
import { ArgumentError, AuditError } from '../../errors.ts'
import type { Signer } from '../../principal/signer.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  callback,
  maybe,
  nonEmptyString,
  numberFrom,
  objectValue,
  readFields,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type Clock, systemClock, type Timestamp } from '../../time.ts'
import { positionCheck, sinkCheck, timeCheck } from '../configuration.ts'
import { type AuditEvent, newEventId } from '../events/event.ts'
import type { LogPosition } from '../events/record.ts'
import { snapshot } from '../events/snapshot.ts'
import { historyOf } from '../history.ts'
import type { AuditSink, Confirmation } from '../sink.ts'
import { type Checkpoint, signCheckpoint, verifyCheckpoint } from '../verify/checkpoint.ts'
import { appendTo } from './append-to.ts'

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
  readonly publish: (
    checkpoint: Checkpoint,
    options: { readonly signal?: AbortSignal | undefined },
  ) => void | Promise<void>
  /**
   * The last checkpoint of this log, signed by the same signer: the one in the second place, or the last event of kind
   * `checkpoint` in the log. Records and seconds are counted from it. Default: none is known, and a checkpoint is due with
   * the first record.
   */
  readonly last?: Checkpoint | undefined
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/**
 * Signs how far the log has come, publishes it, and writes it into the log as well.
 *
 * A record is confirmed only when the checkpoint that is due with it was published. While that fails nothing is written
 * either: the next event asks for the checkpoint first. So never are more than `everyRecords` records, and those that are
 * being written at that moment, unprotected against truncation. LOG-08
 *
 * @param sink - one that keeps a log, so that its confirmations have `sequence` and `hash`.
 * @throws ArgumentError when an option is not of its type, or `last` is the checkpoint of another log.
 */
export function withCheckpoints(sink: AuditSink, options: CheckpointOptions): AuditSink {
  readOptions('withCheckpoints', { sink }, { sink: sinkCheck })
  readOptions('withCheckpoints', options, {
    signer: withMethod('sign'),
    log: nonEmptyString,
    everyRecords: maybe(numberFrom(1)),
    everySeconds: maybe(numberFrom(1)),
    publish: callback,
    last: maybe(objectValue),
    clock: maybe(withMethod('now')),
  })
  const { signer, log, everyRecords = 1000, everySeconds = 60, publish, clock = systemClock } = options
  const last = options.last === undefined ? undefined : lastOf(options.last, log)
  /** The record that is signed for; undefined until that is known. */
  let signed: LogPosition | undefined
  let signedAt: Timestamp = 0
  /** The last record that is known of. */
  let latest: LogPosition | undefined
  /** Whether a checkpoint was due and could not be made. */
  let overdue = false
  let pending: Pending | undefined
  let started: Promise<void> | undefined

  /** Finds out where the log is, and from where on it is to be protected. Nothing is signed of a log that was cut off. */
  async function start(): Promise<void> {
    const position = sink.position?.()
    if (last !== undefined && (await isOurs(last, signer))) {
      if (position !== undefined && !reaches(position, last)) throw cutOff(position.sequence, last, log)
      signed = last
      signedAt = last.time
    } else if (position?.sequence === 0) {
      // Of a log that has only begun nothing has to be known.
      signed = position
      signedAt = Math.floor(clock.now())
    }
    latest = position
  }

  async function make(position: LogPosition, signal: AbortSignal | undefined): Promise<void> {
    const time = Math.floor(clock.now())
    const given = { signal }
    async function work(): Promise<void> {
      const checkpoint = await signCheckpoint({ signer, log, position, time, ...given })
      await publish(checkpoint, given)
      await appendTo(sink, { ...checkpoint, kind: 'checkpoint', id: newEventId() }, given)
    }
    try {
      // What does not mind the signal must not hold those who come after.
      await unlessAborted(work, signal)
    } catch (cause) {
      overdue = true
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `no checkpoint of the log ${quote(log)} could be made`, { cause })
    }
    overdue = false
    signed = position
    signedAt = time
  }

  function begin(position: LogPosition, signal: AbortSignal | undefined): Pending {
    const work = make(position, signal).finally(() => {
      pending = undefined
    })
    return { work, signal }
  }

  /** How many records are not signed for. */
  function unprotected(): number {
    return (latest?.sequence ?? 0) - (signed?.sequence ?? 0)
  }

  /** Whether as many are unprotected as may be, so that no further one may be written before a checkpoint. */
  function isFull(): boolean {
    return unprotected() > 0 && (overdue || signed === undefined || unprotected() >= everyRecords)
  }

  /** Whether a checkpoint is due with the record that was written. A clock that was set back does not put it off. */
  function isDue(): boolean {
    const seconds = clock.now() - signedAt
    return isFull() || (unprotected() > 0 && (seconds >= everySeconds || seconds < 0))
  }

  /** Makes checkpoints as long as one is needed: one at a time, and who comes meanwhile waits for it and looks again. */
  async function settle(isNeeded: () => boolean, own: AbortSignal | undefined): Promise<void> {
    while (latest !== undefined && isNeeded()) {
      pending ??= begin(latest, own)
      const { work, signal } = pending
      try {
        await work
      } catch (error) {
        // Who gave up while it was made for them gave up for themselves.
        if (!signal?.aborted || own?.aborted) throw error
      }
    }
  }

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    // A checkpoint may have to be waited for, and the event is the one that was given.
    const given = snapshot({ ...event }) as AuditEvent
    started ??= start()
    await started
    await settle(isFull, options.signal)
    const confirmation = await appendTo(sink, given, options)
    const { sequence, hash } = confirmation
    if (sequence === undefined || hash === undefined) {
      throw new AuditError(
        'ERR_AUDIT_CONFIGURATION',
        `the audit sink ${quote(sink.name)} keeps no log to make checkpoints of`,
      )
    }
    if (last !== undefined && signed === last && sequence <= last.sequence) {
      started = Promise.reject(cutOff(sequence, last, log))
      await started
    }
    if (latest === undefined || sequence > latest.sequence) latest = { sequence, hash }
    await settle(isDue, options.signal)
    return confirmation
  }

  async function close(): Promise<void> {
    try {
      if (latest !== undefined && unprotected() > 0) await make(latest, undefined)
    } finally {
      await sink.close()
    }
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close })
}

/** A copy of a checkpoint, or of an event that has one. Whether it is genuine is asked with the first event. */
function lastOf(given: Checkpoint, log: string): Checkpoint {
  const { log: named, sequence, hash, time, signer, signature } = given
  const last = { log: named, sequence, hash, time, signer, signature }
  readFields('withCheckpoints: `last`', last, {
    log: nonEmptyString,
    time: timeCheck,
    signer: nonEmptyString,
    signature: nonEmptyString,
  })
  readOptions('withCheckpoints', { last }, { last: positionCheck })
  if (named === log) return Object.freeze(last)
  throw new ArgumentError(`withCheckpoints: \`last\` is a checkpoint of the log ${quote(named)}, not of ${quote(log)}`)
}

/** LOG-11: a checkpoint of another signer, which may be in a log that others can write, counts as none. */
async function isOurs(last: Checkpoint, { did, algorithm, publicKey: bytes }: Signer): Promise<boolean> {
  return verifyCheckpoint(last, { signers: [{ did, key: publicKey(algorithm, bytes) }] })
}

function reaches(position: LogPosition, { sequence, hash }: LogPosition): boolean {
  return position.sequence > sequence || (position.sequence === sequence && position.hash === hash)
}

function cutOff(sequence: number, signed: LogPosition, log: string): AuditError {
  return new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `the log ${quote(log)} ends at record ${sequence}, or is another one: record ${signed.sequence} was signed; verify the log`,
  )
}

/** A checkpoint that is being made, and the signal of the one it is made for. */
interface Pending {
  readonly work: Promise<void>
  readonly signal: AbortSignal | undefined
}
