/**
 * The task of an invocation: the part that says what is to be done.
 *
 * @module
 */

import { type Envelope, fieldBytes } from '../envelope/open.ts'
import { concatBytes } from '../ipld/concat.ts'

/** The fields of a task in the order in which canonical DAG-CBOR has them: shorter names first. */
const fields: readonly string[] = ['cmd', 'sub', 'args', 'nonce']

/** First byte of a map of fewer than 24 entries is this plus their number. */
const mapHead = 0xa0

/**
 * The bytes whose CID is the task id: the map of subject, command, arguments and nonce (UCAN Invocation 1.0.0, "Task").
 *
 * The values are taken as they were received: decoding and encoding again would turn the number 1.0 into 1 and name
 * another task.
 *
 * @param envelope - of an invocation whose payload has been read.
 */
export function taskBytes(envelope: Envelope): Uint8Array {
  return concatBytes([Uint8Array.of(mapHead + fields.length), ...fields.map((name) => fieldBytes(envelope, name))])
}
