/**
 * The encoding of SSH (RFC 4251, section 5), as far as agents use it.
 *
 * @module
 */

import { concatBytes } from '../../core/ipld/bytes.ts'
import { SigningError } from '../../errors.ts'

/** Reads the fields of a message in order. A field that does not fit is a SigningError. */
export interface SshReader {
  byte(): number
  uint32(): number
  /** A field with its length before it. */
  bytes(): Uint8Array
  /** The same as text. Invalid UTF-8 becomes replacement characters. */
  text(): string
  /** @throws SigningError when bytes are left. */
  end(): void
}

/** Makes a reader of a message. */
export function sshReader(message: Uint8Array): SshReader {
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  let at = 0
  const take = (length: number): number => {
    // SIG-21
    if (length > message.length - at) throw malformedAnswer()
    at += length
    return at - length
  }
  const uint32 = (): number => view.getUint32(take(4))
  const bytes = (): Uint8Array => {
    const start = take(uint32())
    return message.slice(start, at)
  }
  return {
    byte: () => view.getUint8(take(1)),
    uint32,
    bytes,
    text: () => new TextDecoder().decode(bytes()),
    end: () => {
      if (at !== message.length) throw malformedAnswer()
    },
  }
}

/** Writes a field with its length before it. */
export function sshBytes(bytes: Uint8Array): Uint8Array {
  return concatBytes([sshUint32(bytes.length), bytes])
}

/** Writes a number. */
export function sshUint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/** The error for an answer that does not follow the protocol. It shows no byte of the answer. */
export function malformedAnswer(): SigningError {
  return new SigningError(
    'the SSH agent returned a malformed answer; check that `socket` is the socket of an SSH agent',
  )
}
