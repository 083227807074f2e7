/**
 * A record: a numbered event of a log. Its hash covers the number, the event and the hash of the previous record, so
 * that a changed, omitted, added or moved record breaks the chain of hashes.
 *
 * @module
 */

import { encodeCbor } from '../../core/ipld/encode.ts'
import { decodeHex, encodeHex } from '../../core/ipld/hex.ts'
import type { IpldMap, IpldValue } from '../../core/ipld/value.ts'
import { AuditError, MalformedError } from '../../errors.ts'
import type { AuditEvent } from './event.ts'
import { fromCanonicalJson, toCanonicalJson } from './record-json.ts'

/** Computes the 32 bytes of SHA-256, synchronously where the platform can. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** A position in a log: the number and hash of a record. */
export interface LogPosition {
  /** Number of the record; the first is 1. */
  readonly sequence: number
  /** Its hash, 64 hexadecimal digits. */
  readonly hash: string
}

/** An event with its number and hashes. */
export interface AuditRecord extends LogPosition {
  /** Hash of the previous record; 64 zeros for the first. */
  readonly previous: string
  /** The event. */
  readonly event: AuditEvent
}

/** The position before the first record. LOG-02 */
export const beginning: LogPosition = Object.freeze({ sequence: 0, hash: '0'.repeat(64) })

/** The longest line of a record, in characters. */
export const maxLineLength: number = 64 * 1024

/** Version of the form of records. */
export const version: number = 1

/**
 * Makes the record of an event after a position.
 *
 * @param event - the result of `prepareFields`.
 */
export function makeRecord(after: LogPosition, event: IpldMap, sha256: (bytes: Uint8Array) => Uint8Array): AuditRecord
/** The same, for an asynchronous hash. */
export function makeRecord(after: LogPosition, event: IpldMap, sha256: Sha256): AuditRecord | Promise<AuditRecord>
/** Both forms. */
export function makeRecord(after: LogPosition, event: IpldMap, sha256: Sha256): AuditRecord | Promise<AuditRecord> {
  const sequence = after.sequence + 1
  const previous = after.hash
  const digest = sha256(hashedBytes(sequence, previous, event))
  return digest instanceof Uint8Array
    ? recordOf(sequence, previous, event, digest)
    : digest.then((bytes) => recordOf(sequence, previous, event, bytes))
}

/**
 * Writes a record as one line of text, without its line feed.
 *
 * @throws AuditError when the line would be too long.
 */
export function formatRecord({ sequence, previous, event, hash }: AuditRecord): string {
  const line = toCanonicalJson({ version, sequence, previous, event: event as unknown as IpldValue, hash })
  assertFits(line)
  return line
}

/**
 * Checks the length of a line.
 *
 * @throws AuditError when it is too long.
 */
export function assertFits(line: string): void {
  if (line.length <= maxLineLength) return
  throw new AuditError(
    'ERR_AUDIT_CONFIGURATION',
    `the record has ${line.length} characters, more than the ${maxLineLength} of a line; shorten its fields`,
  )
}

/**
 * Reads a line of a log. Its hash is not verified; `verifyAuditLog` does that.
 *
 * @throws MalformedError LOG-03 for a line that {@link formatRecord} does not write.
 */
export function parseRecord(line: string): AuditRecord {
  if (typeof line !== 'string') throw new MalformedError('LOG-03', 'the line must be a string')
  if (line.length > maxLineLength) throw new MalformedError('LOG-03', 'the line is too long', { kind: 'too_large' })
  const value = fromCanonicalJson(line)
  if (!isRecord(value)) throw new MalformedError('LOG-03', 'the line is not a record')
  const { sequence, previous, event, hash } = value
  return Object.freeze({ sequence, previous, event, hash })
}

/** Whether the hash of a record matches its content. LOG-01 */
export async function isIntact(record: AuditRecord, sha256: Sha256): Promise<boolean> {
  const bytes = hashedBytes(record.sequence, record.previous, record.event as unknown as IpldMap)
  return encodeHex(await sha256(bytes)) === record.hash
}

/** The hashed bytes: number, previous hash and event in canonical form. They do not depend on the form of the line. */
function hashedBytes(sequence: number, previous: string, event: IpldMap): Uint8Array {
  return encodeCbor({ version, sequence, previous: decodeHex(previous), event }, 'record')
}

function recordOf(sequence: number, previous: string, event: IpldMap, digest: Uint8Array): AuditRecord {
  return Object.freeze({ sequence, previous, event: event as unknown as AuditEvent, hash: encodeHex(digest) })
}

function isRecord(value: IpldValue): value is IpldMap & AuditRecord {
  if (typeof value !== 'object' || value === null) return false
  const record = value as IpldMap
  const { event } = record
  return (
    Object.keys(record).length === 5 &&
    record['version'] === version &&
    Number.isSafeInteger(record['sequence']) &&
    Number(record['sequence']) > 0 &&
    isHash(record['previous']) &&
    isHash(record['hash']) &&
    typeof event === 'object' &&
    event !== null &&
    typeof (event as IpldMap)['kind'] === 'string' &&
    typeof (event as IpldMap)['id'] === 'string'
  )
}

function isHash(value: IpldValue | undefined): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
