import type { Did } from '../core/did/did.ts'
import { encodeBase58btc } from '../core/ipld/base.ts'
import type { Signer } from '../core/principal/signer.ts'
import { MalformedError } from '../errors.ts'

/** An issuer without a key, such as `did:mailto`, who does not sign. */
export interface AbsentIssuer {
  readonly did: Did
  readonly isAbsent: true
}

/** Whether an issuer is absent. */
export function isAbsent(issuer: Signer | AbsentIssuer): issuer is AbsentIssuer {
  return 'isAbsent' in issuer
}

/** The multicodec code 0x0d1d as a varint, for a DID that is not a `did:key`: its text without `did:` follows. */
const textCode = [0x9d, 0x1a]

/** The multicodec code 0x1205 as a varint: an RSA key. */
const rsaCode = [0x85, 0x24]

/** The length in bytes of the longest principal that is read: a DID has at most 128 characters. */
const maxBytes = 130

/**
 * Reads a principal of a token: the bytes of its key, or the text of its DID.
 *
 * @param parseDid - reads the DID, and refuses invalid keys.
 * @throws MalformedError when the bytes are not a principal, or of a kind that is not supported.
 */
export function readPrincipal(bytes: unknown, name: string, parseDid: (text: string) => Did): Did {
  if (!(bytes instanceof Uint8Array)) throw new MalformedError('UCT-15', `\`${name}\` must be the bytes of a DID`)
  if (beginsWith(bytes, rsaCode)) {
    throw new MalformedError('UCT-17', `\`${name}\` is an RSA key, which is not supported`, { kind: 'unsupported' })
  }
  if (bytes.length > maxBytes)
    throw new MalformedError('UCT-15', `\`${name}\` must have at most ${maxBytes} bytes`, { kind: 'too_large' })
  if (!beginsWith(bytes, textCode)) return parseDid(`did:key:z${encodeBase58btc(bytes)}`)
  const text = `did:${decodeText(bytes.subarray(textCode.length), name)}`
  // The signed text would be the same as for the bytes of the key: one token would have two CIDs.
  if (text.startsWith('did:key:'))
    throw new MalformedError('UCT-16', `\`${name}\` is a did:key as text; it must be the bytes of the key`)
  return parseDid(text)
}

function beginsWith(bytes: Uint8Array, code: readonly number[]): boolean {
  return bytes[0] === code[0] && bytes[1] === code[1]
}

function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MalformedError('UCT-15', `\`${name}\` must be a DID in UTF-8`, { cause })
  }
}
