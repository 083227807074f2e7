import { backend as platform } from '#backend'
import { ArgumentError, MalformedError } from '../../errors.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import {
  arrayOf,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { iterable, positionCheck } from '../configuration.ts'
import { type AuditRecord, beginning, isIntact, type LogPosition, parseRecord } from '../events/record.ts'
import type { AuditLogFault, AuditLogFaultKind, AuditLogReport } from './audit-log-fault.ts'
import { type Checkpoint, type CheckpointSigner, verifyCheckpoint } from './checkpoint.ts'

/** Options of {@link verifyAuditLog}. */
export interface VerifyAuditLogOptions {
  /** The record before the first line, when the lines are not the whole log. Default: the beginning of a log. */
  readonly from?: LogPosition
  /** The last record, when it is known from elsewhere: then a log that ends before it is found truncated. */
  readonly head?: LogPosition
  /** Checkpoints that were kept in a second place. */
  readonly checkpoints?: readonly Checkpoint[]
  /** Who may sign checkpoints. Needed with `checkpoints`; without it those in the log are not looked at. */
  readonly signers?: readonly CheckpointSigner[]
  /** Name of the log. Needed with `signers`. */
  readonly log?: string
  /** Default: the platform's. */
  readonly backend?: CryptoBackend
}

const optionChecks: OptionChecks<VerifyAuditLogOptions> = Object.freeze({
  from: maybe(positionCheck),
  head: maybe(positionCheck),
  checkpoints: maybe(arrayOf(objectValue)),
  signers: maybe(arrayOf(objectValue)),
  log: maybe(nonEmptyString),
  backend: maybe(withMethod('sha256')),
})

/** How many hashes are remembered for checkpoints in the log, which stand soon after the record they are about. */
const remembered = 65_536

/** A line and what was read in it. */
interface Line {
  readonly number: number
  /** Undefined when the line is not a record, or not one whose hash is right. */
  readonly record?: AuditRecord
  /** Whether the line could be read at all. */
  readonly parsed: boolean
}

/**
 * Reads a log from its first to its last line and names the first thing that is wrong. LOG-09
 *
 * Files that follow one another are given as one sequence of lines: the chain goes on from file to file. Without a
 * checkpoint or a known head, a log whose end was cut off, and one that was written anew as a whole, look right.
 *
 * @throws ArgumentError when checkpoints come without `signers`, or `signers` without `log`; when `lines` or an option is
 *   not of its type.
 *
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
  readOptions('verifyAuditLog', { lines }, { lines: iterable('a list of lines, or an iterator of them') })
  readOptions('verifyAuditLog', options, optionChecks)
  const { from = beginning, checkpoints = [], signers, log, backend = platform } = options
  if (checkpoints.length > 0 && signers === undefined) throw new ArgumentError('`checkpoints` need `signers`')
  if (signers !== undefined && log === undefined) throw new ArgumentError('`signers` need the name of the `log`')

  const isGenuine = async (checkpoint: Checkpoint): Promise<boolean> =>
    checkpoint.log === log && (await verifyCheckpoint(checkpoint, { signers: signers ?? [], backend }))
  const known = await readAnchors(options, isGenuine)
  if ('kind' in known) return bad(known, 0)
  const { anchors } = known
  let { covered } = known

  const reader = readLines(lines, backend)
  const hashes = new Map<number, string>()
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
      return bad(fault('rewritten', line, record.sequence, 'the record is not the one that was signed or known'), count)
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
        return bad(fault('rewritten', line, checkpoint.sequence, 'the record is not the one that was signed'), count)
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
      fault('truncated', line + 1, next, `the log ends before record ${end}, which is known to have been`),
      count,
    )
  }
  return { valid: true, records: count, head: { sequence: last.sequence, hash: last.hash }, covered }
}

/** What is known of a log from elsewhere: hashes of records by number, and the last record that is signed for. */
interface Anchors {
  readonly anchors: ReadonlyMap<number, string>
  readonly covered: number
}

async function readAnchors(
  { head, checkpoints = [] }: VerifyAuditLogOptions,
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
      // What cannot be encoded, a lone surrogate for one, was never hashed.
      if (!(cause instanceof MalformedError) && !(cause instanceof ArgumentError)) throw cause
      yield { number, parsed: false }
    }
  }
}

/** Finds out what happened at a line that does not go on from the record before, by the lines that follow. */
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
      ? fault('torn', number, expected, 'the last line is not whole')
      : fault('edited', number, expected, 'the record does not hold what was hashed')
  }
  const followed = next?.record?.previous === record.hash
  if (record.sequence === expected) {
    // Each of the two hashes agrees with its own record: one of them was computed anew.
    return (followed || next === undefined) && count > 0
      ? fault('edited', number - 1, last.sequence, 'the next record says that this one had another hash')
      : fault('edited', number, expected, 'the record does not go on from the one before')
  }
  if (record.sequence < expected) {
    return record.sequence === last.sequence && record.hash !== last.hash && followed && count > 0
      ? fault('inserted', number - 1, last.sequence, 'the chain goes on from another record with this number')
      : fault('inserted', number, record.sequence, 'there is a record with this number before')
  }
  for (let other = next; other !== undefined; other = (await rest.next()).value) {
    if (other.record?.sequence === expected) {
      return fault('swapped', number, expected, `record ${expected} stands in line ${other.number}`)
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
