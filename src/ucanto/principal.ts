import type { Did } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import { encodeBase58btc } from '../ipld/base.ts'

/** The multicodec code 0x0d1d as a varint: a DID that is not a `did:key`, as text without `did:`. */
const textCode = [0x9d, 0x1a]

/** 0x1205, an RSA key. */
const rsaCode = [0x85, 0x24]

/** The longest principal that is read: a DID has 128 characters at most. */
const maxBytes = 130

/**
 * Reads a principal as tokens carry it: the bytes of its key, or the text of its DID.
 *
 * @param parseDid - the rules for DIDs; a key of bad form is refused by them.
 * @throws MalformedError when it is none, or of a kind that is not read here.
 */
export function readPrincipal(bytes: unknown, name: string, parseDid: (text: string) => Did): Did {
  if (!(bytes instanceof Uint8Array)) throw new MalformedError('UCT-15', `\`${name}\` is not the bytes of a DID`)
  if (beginsWith(bytes, rsaCode)) {
    throw new MalformedError('UCT-17', `\`${name}\` is an RSA key, which is not read here`, { kind: 'unsupported' })
  }
  if (bytes.length > maxBytes) throw new MalformedError('UCT-15', `\`${name}\` is too long`, { kind: 'too_large' })
  if (!beginsWith(bytes, textCode)) return parseDid(`did:key:z${encodeBase58btc(bytes)}`)
  const text = `did:${decodeText(bytes.subarray(textCode.length), name)}`
  // The signed text would be the same as for the bytes of the key, so that one token would have two names.
  if (text.startsWith('did:key:')) throw new MalformedError('UCT-16', `\`${name}\` is a did:key written as text`)
  return parseDid(text)
}

function beginsWith(bytes: Uint8Array, code: readonly number[]): boolean {
  return bytes[0] === code[0] && bytes[1] === code[1]
}

function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MalformedError('UCT-15', `\`${name}\` is not text`, { cause })
  }
}
