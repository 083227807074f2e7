/**
 * Records in two steps, for sinks: the event is written when it arrives, and its number and hashes are added in turn.
 * `prepareFields` with `makeRecord` and `formatRecord` makes the same record, and takes the events that are not usual.
 *
 * @module
 */

import { encodeCbor } from '../../core/ipld/encode.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import type { IpldMap } from '../../core/ipld/value.ts'
import { reserve, type Writer, writeNumber, writeRaw } from '../../core/ipld/writer.ts'
import { AuditError } from '../../errors.ts'
import { isPromiseLike } from '../../support/promise.ts'
import type { AuditEvent } from './event.ts'
import { type EventFields, fieldsOf, prepareFields } from './prepare-event.ts'
import {
  type AuditRecord,
  assertFits,
  formatRecord,
  type LogPosition,
  makeRecord,
  type Sha256,
  version,
} from './record.ts'
import { snapshot } from './snapshot.ts'
import { type WrittenEvent, writeUsualEvent } from './usual-event.ts'

/** The event of a record that has no number yet. */
export interface EventDraft {
  /**
   * The recorded event, for its scalar fields: `kind`, `time`, `intent`. Lists in it may still be those of the caller.
   */
  readonly event: AuditEvent
  /** A usual event in the two forms of a record; undefined for other events. */
  readonly written: WrittenEvent | undefined
}

/** A record as its line of text. */
export interface RecordLine extends LogPosition {
  /** Hash of the previous record. */
  readonly previous: string
  /** The line of text, without its line feed. */
  readonly line: string
}

/** SHA-256 of a sink. */
export interface RecordHashing {
  readonly sha256: Sha256
  /** The same as hexadecimal digits, where the platform computes it synchronously. */
  readonly sha256Hex?: ((bytes: Uint8Array) => string) | undefined
}

/**
 * Reads an event synchronously: later changes by the caller do not change the record. Most events need no wait.
 *
 * @param room - of the caller, for a usual event. The draft is valid until the room is used again.
 * @throws ArgumentError when the value is not an event, or has a field that a line cannot contain.
 */
export function draftEvent(
  event: AuditEvent,
  { sha256 }: RecordHashing,
  room?: Uint8Array,
): EventDraft | Promise<EventDraft> {
  const fields = fieldsOf(event)
  const written = writeUsualEvent(fields, room)
  return written === undefined ? prepareDraft(fields, sha256) : { event: fields as unknown as AuditEvent, written }
}

/** The same for a sink that passes the event on: `event` is the whole recorded event, and a copy. */
export function draftWithEvent(
  event: AuditEvent,
  { sha256 }: RecordHashing,
  room?: Uint8Array,
): EventDraft | Promise<EventDraft> {
  const fields = snapshot(fieldsOf(event)) as EventFields
  // Recorded arguments are in canonical order.
  const written = fields['args'] === undefined ? writeUsualEvent(fields, room) : undefined
  return written === undefined ? prepareDraft(fields, sha256) : { event: withoutAbsent(fields), written }
}

/**
 * Makes the record of a draft after a position. The same draft can be used again after a failed write.
 *
 * @throws AuditError when the line would be too long.
 */
export function finishRecord(
  after: LogPosition,
  draft: EventDraft,
  hashing: { readonly sha256: (bytes: Uint8Array) => Uint8Array } & RecordHashing,
): RecordLine
/** The same, for an asynchronous hash. */
export function finishRecord(
  after: LogPosition,
  draft: EventDraft,
  hashing: RecordHashing,
): RecordLine | Promise<RecordLine>
/** Both forms. */
export function finishRecord(
  after: LogPosition,
  { event, written }: EventDraft,
  { sha256, sha256Hex }: RecordHashing,
): RecordLine | Promise<RecordLine> {
  if (written === undefined) {
    const made = makeRecord(after, event as unknown as IpldMap, sha256)
    return isPromiseLike(made) ? made.then(lineOf) : lineOf(made)
  }
  const { sequence: before, hash: previous } = after
  const sequence = before + 1
  const end = (hash: string): RecordLine => {
    const line = `{"hash":"${hash}","event":${written.json},"version":${version},"previous":"${previous}","sequence":${sequence}}`
    assertFits(line)
    return { sequence, previous, hash, line }
  }
  const bytes = hashedBytes(written.writer, sequence, previous)
  if (sha256Hex !== undefined) return end(sha256Hex(bytes))
  // A hash function of the caller may keep the bytes, or read all of their buffer.
  const digest = sha256(bytes.slice())
  return digest instanceof Uint8Array ? end(encodeHex(digest)) : digest.then((made) => end(encodeHex(made)))
}

async function prepareDraft(fields: EventFields, sha256: Sha256): Promise<EventDraft> {
  return { event: (await prepareFields(fields, sha256)) as unknown as AuditEvent, written: undefined }
}

function withoutAbsent(fields: EventFields): AuditEvent {
  const event = Object.create(null) as { [key: string]: unknown }
  for (const key of Object.keys(fields)) if (fields[key] !== undefined) event[key] = fields[key]
  return Object.freeze(event) as unknown as AuditEvent
}

function lineOf(record: AuditRecord): RecordLine {
  const { sequence, previous, hash } = record
  return { sequence, previous, hash, line: formatRecord(record) }
}

/** The fields of a record after its event, up to the hash of the previous record: their heads and keys. */
const versionAndPrevious = Uint8Array.from(
  `\x67version${String.fromCharCode(version)}\x68previous\x58\x20`,
  (character) => character.charCodeAt(0),
)
const sequenceKey = Uint8Array.from('\x68sequence', (character) => character.charCodeAt(0))

/** Adds the other fields of a record after its event. The writer of a draft keeps its length. */
function hashedBytes({ bytes, length }: Writer, sequence: number, previous: string): Uint8Array {
  // The refusal of a number beyond 2^53 - 1.
  if (!Number.isSafeInteger(sequence)) encodeCbor(sequence, 'record.sequence')
  const end: Writer = { bytes, length }
  writeRaw(end, versionAndPrevious)
  writeHash(end, previous)
  writeRaw(end, sequenceKey)
  writeNumber(end, sequence)
  return end.bytes.subarray(0, end.length)
}

/** @throws AuditError when the text is not a hash. */
function writeHash(end: Writer, hash: string): void {
  reserve(end, 32)
  const { bytes, length } = end
  let all = 0
  for (let at = 0; at < 32; at++) {
    const byte = (digitAt(hash, 2 * at) << 4) | digitAt(hash, 2 * at + 1)
    all |= byte
    bytes[length + at] = byte
  }
  if (all < 0 || hash.length !== 64) {
    throw new AuditError(
      'ERR_AUDIT_INTEGRITY',
      'the hash of the last record must be 64 hexadecimal digits; verify the log before you continue it',
    )
  }
  end.length = length + 32
}

/** The value of a hexadecimal digit; negative for another character. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}
