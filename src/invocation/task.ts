/**
 * The task of an invocation: the part that says what is to be done.
 *
 * @module
 */

import type { Envelope } from '../envelope/open.ts'
import { concatBytes } from '../ipld/concat.ts'
import { createCursor } from '../ipld/cursor.ts'

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
  const payload = payloadBytes(envelope)
  const entries = createCursor(payload.subarray(1))
  const parts = new Map<unknown, Uint8Array>()
  for (let left = (payload[0] as number) - mapHead; left > 0; left--) {
    const start = entries.position + 1
    const name = entries.readValue()
    entries.readValue()
    parts.set(name, payload.subarray(start, entries.position + 1))
  }
  const task = fields.map((name) => parts.get(name) as Uint8Array)
  return concatBytes([Uint8Array.of(mapHead + fields.length), ...task])
}

/** The payload as received: what stands behind the map head, `h`, the varsig header and the type tag. */
function payloadBytes(envelope: Envelope): Uint8Array {
  const cursor = createCursor(envelope.signed.subarray(1))
  cursor.readValue()
  cursor.readValue()
  cursor.readValue()
  return envelope.signed.subarray(1 + cursor.position)
}
