/**
 * The task of an invocation: the part that describes the work.
 *
 * @module
 */

import type { Envelope } from '../envelope/open.ts'

/** The fields of a task in the order in which canonical DAG-CBOR has them: shorter names first. */
const fields: readonly string[] = ['cmd', 'sub', 'args', 'nonce']

/** First byte of a map of fewer than 24 entries is this plus their number. */
const mapHead = 0xa0

/**
 * The bytes whose CID is the task id: the map of subject, command, arguments and nonce (UCAN Invocation 1.0.0, "Task").
 *
 * The values are copied as received. Decoding and encoding them again would turn the number 1.0 into 1, which is
 * another task.
 *
 * @param envelope - of an invocation whose payload has been read.
 */
export function taskBytes(envelope: Envelope): Uint8Array {
  const { bytes, payload, fieldOffsets } = envelope
  const names = Object.keys(payload)
  // The longest it can be: all of the payload.
  const task = new Uint8Array(1 + bytes.length - (fieldOffsets[0] as number))
  task[0] = mapHead + fields.length
  let length = 1
  for (const name of fields) {
    const index = names.indexOf(name)
    const field = bytes.subarray(fieldOffsets[index], fieldOffsets[index + 1])
    task.set(field, length)
    length += field.length
  }
  return task.subarray(0, length)
}
