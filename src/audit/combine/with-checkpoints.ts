import { publicKey } from '../../core/did/did-key.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { ArgumentError, AuditError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  callback,
  maybe,
  nonEmptyString,
  numberFrom,
  type OptionChecks,
  objectValue,
  orEmpty,
  readFields,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type Clock, secondsOf, systemClock } from '../../time.ts'
import { positionCheck, sinkCheck, timeCheck } from '../configuration.ts'
import { type AuditEvent, newEventId } from '../events/event.ts'
import type { LogPosition } from '../events/record.ts'
import { snapshot } from '../events/snapshot.ts'
import { historyOf } from '../history.ts'
import type { AuditSink, Confirmation } from '../sink.ts'
import { type Checkpoint, type SignCheckpointOptions, signCheckpoint, verifyCheckpoint } from '../verify/checkpoint.ts'
import { appendTo } from './append-to.ts'
import { type CheckpointSchedule, createCheckpointSchedule } from './checkpoint-schedule.ts'

/** Options of {@link withCheckpoints}. */
export interface CheckpointOptions {
  /** Signs the checkpoints. */
  readonly signer: Signer
  /** Name of the log. */
  readonly log: string
  /** Records after which a checkpoint is due. Default 1,000. */
  readonly everyRecords?: number
  /** Seconds after which a checkpoint is due with the next record. Default 60. */
  readonly everySeconds?: number
  /**
   * Sends the checkpoint to a second place: another machine, a bucket that cannot be overwritten, a transparency log.
   * Resolves when it is there. After a rejection no further record is confirmed until it is.
   */
  readonly publish: (
    checkpoint: Checkpoint,
    options: { readonly signal?: AbortSignal | undefined },
  ) => void | Promise<void>
  /**
   * The last checkpoint of this log by the same signer: from the second place, or the last event of kind `checkpoint`
   * in the log. Records and seconds are counted from it. Without it a checkpoint is due with the first record.
   */
  readonly last?: Checkpoint | undefined
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/**
 * Signs how far the log has come, publishes the checkpoint, and writes it into the log.
 *
 * A record is confirmed only when the checkpoint that is due with it was published. After a failure no record is
 * written before that checkpoint. So at most `everyRecords` records, and those in a concurrent write, can be cut off
 * unnoticed. LOG-08
 *
 * @param sink - a sink that keeps a log: its confirmations have `sequence` and `hash`.
 * @throws ArgumentError when an option is invalid, or `last` is the checkpoint of another log.
 */
export function withCheckpoints(sink: AuditSink, options: CheckpointOptions): AuditSink {
  readOptions('withCheckpoints', { sink }, { sink: sinkCheck })
  const given = readOptions('withCheckpoints', options, optionChecks)
  const { log, clock } = given
  const last = given.last === undefined ? undefined : lastOf(given.last, log)
  const schedule = createCheckpointSchedule(given)
  let pending: Pending | undefined
  let started: Promise<void> | undefined

  async function make(position: LogPosition, signal: AbortSignal | undefined): Promise<void> {
    const time = secondsOf(clock)
    try {
      // A signer or `publish` that ignores the signal must not block later callers.
      await unlessAborted(() => publishCheckpoint(sink, given, { position, time, signal }), signal)
    } catch (cause) {
      schedule.fail()
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `no checkpoint of the log ${quote(log)} could be made`, { cause })
    }
    schedule.sign(position, time)
  }

  function begin(position: LogPosition, signal: AbortSignal | undefined): Pending {
    const work = make(position, signal).finally(() => {
      pending = undefined
    })
    return { work, signal }
  }

  /** Makes checkpoints while one is needed, one at a time. Concurrent callers wait for it and check again. */
  async function settle(isNeeded: () => boolean, own: AbortSignal | undefined): Promise<void> {
    for (let latest = schedule.latest(); latest !== undefined && isNeeded(); latest = schedule.latest()) {
      pending ??= begin(latest, own)
      const { work, signal } = pending
      try {
        await work
      } catch (error) {
        // The caller for whom it was made has given up; this one has not.
        if (!signal?.aborted || own?.aborted) throw error
      }
    }
  }

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    // Copied before the wait for a checkpoint: the caller may change the event meanwhile.
    const copy = snapshot({ ...event }) as AuditEvent
    started ??= startSchedule(schedule, sink, given, last)
    await started
    await settle(schedule.isFull, options.signal)
    const confirmation = await appendTo(sink, copy, options)
    const { sequence, hash } = confirmation
    if (sequence === undefined || hash === undefined) throw withoutLog(sink)
    if (last !== undefined && schedule.signed() === last && sequence <= last.sequence) {
      started = Promise.reject(cutOff(sequence, last, log))
      await started
    }
    schedule.reach({ sequence, hash })
    await settle(schedule.isDue, options.signal)
    return confirmation
  }

  async function close(): Promise<void> {
    try {
      const latest = schedule.latest()
      if (latest !== undefined && schedule.unprotected() > 0) await make(latest, undefined)
    } finally {
      await sink.close()
    }
  }

  return Object.freeze({ ...historyOf(sink), name: sink.name, append, close })
}

const optionChecks = Object.freeze({
  signer: withMethod('sign'),
  log: nonEmptyString,
  everyRecords: withDefault(numberFrom(1), 1_000),
  everySeconds: withDefault(numberFrom(1), 60),
  publish: callback,
  last: orEmpty(maybe(objectValue)),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<CheckpointOptions>

/** Finds the end of the log, and its last checkpoint. A log that was cut off is not signed. */
async function startSchedule(
  schedule: CheckpointSchedule,
  sink: AuditSink,
  { signer, log, clock }: CheckpointOptions & { readonly clock: Clock },
  last: Checkpoint | undefined,
): Promise<void> {
  const position = sink.position?.()
  if (last !== undefined && (await isOurs(last, signer))) {
    if (position !== undefined && !reaches(position, last)) throw cutOff(position.sequence, last, log)
    schedule.sign(last, last.time)
  } else if (position?.sequence === 0) {
    // A log without records needs no checkpoint.
    schedule.sign(position, secondsOf(clock))
  }
  schedule.reach(position)
}

/** Signs a checkpoint, sends it to the second place, and writes it into the log. */
async function publishCheckpoint(
  sink: AuditSink,
  { signer, log, publish }: CheckpointOptions,
  { position, time, signal }: Pick<SignCheckpointOptions, 'position' | 'time' | 'signal'>,
): Promise<void> {
  const checkpoint = await signCheckpoint({ signer, log, position, time, signal })
  await publish(checkpoint, { signal })
  await appendTo(sink, { ...checkpoint, kind: 'checkpoint', id: newEventId() }, { signal })
}

function withoutLog({ name }: AuditSink): AuditError {
  const message = `the audit sink ${quote(name)} keeps no log: its confirmations must have \`sequence\` and \`hash\``
  return new AuditError('ERR_AUDIT_CONFIGURATION', message)
}

/** Copies a checkpoint, or an event that contains one. Its signature is verified with the first event. */
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

/** LOG-11: a checkpoint of another signer is ignored. It may come from a log that others can write. */
async function isOurs(last: Checkpoint, { did, algorithm, publicKey: bytes }: Signer): Promise<boolean> {
  return verifyCheckpoint(last, { signers: [{ did, key: publicKey(algorithm, bytes) }] })
}

function reaches(position: LogPosition, { sequence, hash }: LogPosition): boolean {
  return position.sequence > sequence || (position.sequence === sequence && position.hash === hash)
}

function cutOff(sequence: number, signed: LogPosition, log: string): AuditError {
  return new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `the log ${quote(log)} ends at record ${sequence}, before record ${signed.sequence} that was signed, or is another log; verify it`,
  )
}

/** A checkpoint that is being made, and the signal of the caller for whom it is made. */
interface Pending {
  readonly work: Promise<void>
  readonly signal: AbortSignal | undefined
}
