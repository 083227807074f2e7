import { backend as platform } from '#backend'
import type { CryptoBackend } from '../../core/principal/backend/backend.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import {
  arrayOf,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { iterable, positionCheck } from '../configuration.ts'
import { type AuditRecord, beginning, isIntact, type LogPosition, parseRecord } from '../events/record.ts'
import type { AuditLogFault, AuditLogFaultKind, AuditLogReport } from './audit-log-fault.ts'
import { type Checkpoint, type CheckpointSigner, isSigned, signerCheck } from './checkpoint.ts'

/** Options of {@link verifyAuditLog}. */
export interface VerifyAuditLogOptions {
  /**
   * The record before the first line, if the lines are a part of the log. It is compared with `head` and `checkpoints`
   * too. Default: the beginning of a log.
   */
  readonly from?: LogPosition
  /** The last record, if it is known from elsewhere. A log that ends before it is truncated. */
  readonly head?: LogPosition
  /** Checkpoints that were kept in a second place. */
  readonly checkpoints?: readonly Checkpoint[]
  /**
   * The trusted signers of checkpoints. Required with `checkpoints`. Without it, checkpoints in the log are not
   * verified.
   */
  readonly signers?: readonly CheckpointSigner[]
  /** Name of the log. Required with `signers`. */
  readonly log?: string
  /** Default: the platform's. */
  readonly backend?: CryptoBackend
}

const optionChecks = Object.freeze({
  from: withDefault(positionCheck, beginning),
  head: maybe(positionCheck),
  checkpoints: withDefault(arrayOf(objectValue), Object.freeze([])),
  signers: maybe(arrayOf(signerCheck)),
  log: maybe(nonEmptyString),
  backend: withDefault(withMethod('sha256'), platform),
}) satisfies OptionChecks<VerifyAuditLogOptions>

/** Hashes that are kept to verify checkpoints in the log, which follow soon after their record. */
const remembered = 65_536

/** A line, and the record in it. */
interface Line {
  readonly number: number
  /** Undefined if the line is not a record, or the hash does not match. */
  readonly record?: AuditRecord
  /** Whether the line is a record, with any hash. */
  readonly parsed: boolean
}

/**
 * Reads a log from its first to its last line, and returns the first fault. LOG-09
 *
 * The lines of consecutive files are one sequence, because the chain continues from file to file. Without a checkpoint
 * or a known head, a truncated log and a log that was rewritten completely are valid.
 *
 * @throws ArgumentError when `lines` or an option is invalid, `checkpoints` are passed without `signers`, or `signers`
 *   without `log`.
 * @example
 * ```ts
 * import { readJsonlLines } from 'procura/audit/jsonl'
 * import { verifyAuditLog } from 'procura/audit/verify'
 *
 * const report = await verifyAuditLog(readJsonlLines({ directory: '/var/log/mail-service' }))
 * console.log(report.valid ? `${report.records} records` : report.fault.message)
 * ```
 */
export async function verifyAuditLog(
  lines: Iterable<string> | AsyncIterable<string>,
  options: VerifyAuditLogOptions = {},
): Promise<AuditLogReport> {
  readOptions('verifyAuditLog', { lines }, { lines: iterable('a list of lines, or an iterable of them') })
  const { from, head, checkpoints, signers, log, backend } = readOptions('verifyAuditLog', options, optionChecks)
  if (checkpoints.length > 0 && signers === undefined)
    throw new ArgumentError('verifyAuditLog: `checkpoints` requires `signers`')
  if (signers !== undefined && log === undefined)
    throw new ArgumentError('verifyAuditLog: `signers` requires `log`, the name of the log')

  const isGenuine = async (checkpoint: Checkpoint): Promise<boolean> =>
    checkpoint.log === log && (await isSigned(checkpoint, signers ?? [], backend))
  const known = await readAnchors(head, checkpoints, isGenuine)
  if ('kind' in known) return bad(known, 0)
  const { anchors } = known
  const start = anchors.get(from.sequence)
  if (start !== undefined && start !== from.hash) {
    return bad(fault('rewritten', 0, from.sequence, '`from` is not the signed or known record'), 0)
  }
  let { covered } = known

  const reader = readLines(lines, backend)
  const hashes = new Map([[from.sequence, from.hash]])
  let last = from
  let count = 0
  let line = 0
  for await (const current of reader) {
    line = current.number
    const { record } = current
    if (record === undefined || record.sequence !== last.sequence + 1 || record.previous !== last.hash) {
      return bad(await classify(current, last, count, reader), count)
    }
    const anchor = anchors.get(record.sequence)
    if (anchor !== undefined && anchor !== record.hash) {
      return bad(fault('rewritten', line, record.sequence, 'the record is not the signed or known one'), count)
    }
    if (signers !== undefined && record.event.kind === 'checkpoint') {
      const checkpoint = record.event
      if (!(await isGenuine(checkpoint))) {
        return bad(
          fault('checkpoint_invalid', line, record.sequence, 'the checkpoint in the log is not genuine'),
          count,
        )
      }
      const hash = hashes.get(checkpoint.sequence)
      if (checkpoint.sequence >= record.sequence || (hash !== undefined && hash !== checkpoint.hash)) {
        return bad(fault('rewritten', line, checkpoint.sequence, 'the record is not the signed one'), count)
      }
      if (hash !== undefined) covered = Math.max(covered, checkpoint.sequence)
    }
    last = record
    count++
    hashes.set(last.sequence, last.hash)
    hashes.delete(last.sequence - remembered)
  }

  let end = 0
  for (const sequence of anchors.keys()) end = Math.max(end, sequence)
  if (end > last.sequence) {
    const next = last.sequence + 1
    return bad(
      fault('truncated', line + 1, next, `the log ends before record ${end}, which is known from elsewhere`),
      count,
    )
  }
  return { valid: true, records: count, head: { sequence: last.sequence, hash: last.hash }, covered }
}

/** Facts of a log from elsewhere: hashes of records by number, and the last signed record. */
interface Anchors {
  readonly anchors: ReadonlyMap<number, string>
  readonly covered: number
}

async function readAnchors(
  head: LogPosition | undefined,
  checkpoints: readonly Checkpoint[],
  isGenuine: (checkpoint: Checkpoint) => Promise<boolean>,
): Promise<Anchors | AuditLogFault> {
  const anchors = new Map<number, string>()
  if (head !== undefined) anchors.set(head.sequence, head.hash)
  let covered = 0
  for (const checkpoint of checkpoints) {
    const { sequence, hash } = checkpoint
    if (!(await isGenuine(checkpoint)) || (anchors.get(sequence) ?? hash) !== hash)
      return fault('checkpoint_invalid', 0, sequence, 'a given checkpoint is not genuine')
    anchors.set(sequence, hash)
    covered = Math.max(covered, sequence)
  }
  return { anchors, covered }
}

async function* readLines(
  lines: Iterable<string> | AsyncIterable<string>,
  backend: CryptoBackend,
): AsyncGenerator<Line, undefined> {
  let number = 0
  for await (const text of lines) {
    number++
    let record: AuditRecord | undefined
    try {
      record = parseRecord(text)
      yield (await isIntact(record, backend.sha256)) ? { number, record, parsed: true } : { number, parsed: true }
    } catch (cause) {
      // A value that cannot be encoded, such as a lone surrogate, was never hashed.
      if (!(cause instanceof MalformedError) && !(cause instanceof ArgumentError)) throw cause
      yield { number, parsed: false }
    }
  }
}

/** Classifies a line that does not continue the chain, by the lines after it. */
async function classify(
  line: Line,
  last: LogPosition,
  count: number,
  rest: AsyncGenerator<Line, undefined>,
): Promise<AuditLogFault> {
  const expected = last.sequence + 1
  const { record, number } = line
  const next = (await rest.next()).value
  if (record === undefined) {
    const torn = !line.parsed && next === undefined
    return torn
      ? fault('torn', number, expected, 'the last line is incomplete')
      : fault('edited', number, expected, 'the content of the record does not match its hash')
  }
  const followed = next?.record?.previous === record.hash
  if (record.sequence === expected) {
    // Both records match their own hashes: one of the hashes was recomputed.
    return (followed || next === undefined) && count > 0
      ? fault('edited', number - 1, last.sequence, 'the next record contains another hash of this one')
      : fault('edited', number, expected, 'the record does not continue the chain')
  }
  if (record.sequence < expected) {
    return record.sequence === last.sequence && record.hash !== last.hash && followed && count > 0
      ? fault('inserted', number - 1, last.sequence, 'the chain continues from another record with this number')
      : fault('inserted', number, record.sequence, 'an earlier record has this number')
  }
  for (let other = next; other !== undefined; other = (await rest.next()).value) {
    if (other.record?.sequence === expected) {
      return fault('swapped', number, expected, `record ${expected} is in line ${other.number}`)
    }
  }
  const missing = record.sequence - expected
  return fault('dropped', number, expected, `${missing === 1 ? 'a record is' : `${missing} records are`} missing`)
}

function fault(kind: AuditLogFaultKind, line: number, sequence: number, message: string): AuditLogFault {
  return { kind, line, sequence, message }
}

function bad(found: AuditLogFault, records: number): AuditLogReport {
  return { valid: false, fault: found, records }
}
