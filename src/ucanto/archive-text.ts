/**
 * Reads archives from bytes and from text, in the forms that clients of 0.9.1 exchange.
 *
 * @module
 */

import type { Bounds } from '../bounds.ts'
import { decodeBase64, decodeBase64url } from '../core/ipld/base.ts'
import { decodeVarint } from '../core/ipld/varint.ts'
import { MalformedError } from '../errors.ts'

/** The first bytes of an identity CID: version 1, the codec CAR, and the hash function that returns its input. */
const identityPrefix = [0x01, 0x82, 0x04, 0x00]

/** The first bytes of a CAR file with one root: the length of its header, and the head of a map of two. */
const carStart = [0x3a, 0xa2]

/**
 * Whether a container begins like an archive: a CAR file, or its text in multibase (`m`, `u`), in base64 or in
 * base64url.
 */
export function isArchive(container: string | Uint8Array): boolean {
  if (typeof container !== 'string') return startsWith(container, carStart)
  return container.startsWith('m') || container.startsWith('u') || container.startsWith('Oq')
}

/**
 * Returns the bytes of an archive in any of its forms.
 *
 * @throws MalformedError when it has another form.
 */
export function archiveBytes(container: string | Uint8Array, bounds: Bounds): Uint8Array {
  if (typeof container !== 'string') {
    if (container instanceof Uint8Array) return container
    throw new MalformedError('UCT-06', 'an archive must be bytes or a string')
  }
  const most = bounds.containerBytes + 16
  const bytes = decodeText(container, most)
  if (!startsWith(bytes, identityPrefix)) return bytes
  const [length, prefix] = decodeVarint(bytes, identityPrefix.length)
  const start = identityPrefix.length + prefix
  if (length !== bytes.length - start)
    throw new MalformedError('UCT-06', 'the length of the archive differs from the length in its text')
  return bytes.subarray(start)
}

function decodeText(text: string, most: number): Uint8Array {
  if (!isArchive(text))
    throw new MalformedError('UCT-06', 'the text is not an archive in base64, base64url, or multibase `m` or `u`')
  if (text.startsWith('u')) return decodeBase64url(text.slice(1), most)
  if (text.startsWith('m')) {
    // Multibase `m` has no padding. With padding the archive would have a second text.
    if (text.endsWith('='))
      throw new MalformedError('UCT-06', 'the text of an archive in multibase `m` must not have padding')
    return decodeBase64(`${text.slice(1)}${'='.repeat((5 - (text.length % 4)) % 4)}`, most)
  }
  return text.length % 4 === 0 && !/[-_]/.test(text) ? decodeBase64(text, most) : decodeBase64url(text, most)
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte)
}
