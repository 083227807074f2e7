/**
 * Private keys in PKCS#8 (RFC 5958), the form that OpenSSL and WebCrypto export.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'

/** A private key and its algorithm. */
export interface PrivateKeyBytes {
  /** From the object identifiers of the key. */
  readonly algorithm: SignatureAlgorithm
  /** 32 bytes: the seed of RFC 8032, or the scalar of ECDSA, big-endian. */
  readonly secret: Uint8Array
}

/**
 * Decodes an unencrypted PKCS#8 key in DER.
 *
 * @param der - the bytes. Of PEM, decode the base64 between its two lines.
 * @throws ArgumentError when the key is malformed or of an unsupported algorithm. The message does not contain the
 *   bytes.
 */
export function decodePkcs8(der: Uint8Array): PrivateKeyBytes {
  const file = elements(der)
  if (file.length !== 1) throw notPkcs8()
  const [version, identifier, key] = elements(content(file[0], sequence))
  content(version, integer)
  const [type, curve] = elements(content(identifier, sequence))
  const algorithm = algorithms.get([type, curve].map((id) => id && content(id, identifierTag).join('.')).join())
  if (algorithm === undefined) throw new ArgumentError('the PKCS#8 key must be an Ed25519, P-256 or secp256k1 key')
  const [inner, ...more] = elements(content(key, octets))
  if (more.length > 0) throw notPkcs8()
  const secret =
    algorithm === 'Ed25519' ? content(inner, octets) : content(elements(content(inner, sequence))[1], octets)
  if (secret.length !== 32) throw notPkcs8()
  return { algorithm, secret: new Uint8Array(secret) }
}

const sequence = 0x30
const integer = 0x02
const octets = 0x04
const identifierTag = 0x06

/** Object identifiers as the bytes of their encoding: 1.3.101.112, and 1.2.840.10045.2.1 with a named curve. */
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['43.101.112,', 'Ed25519'],
  ['42.134.72.206.61.2.1,42.134.72.206.61.3.1.7', 'ES256'],
  ['42.134.72.206.61.2.1,43.129.4.0.10', 'ES256K'],
])

interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

/** Splits DER into its elements. Lengths of more than one byte are refused: no key of these kinds is that long. */
function elements(der: Uint8Array): readonly Element[] {
  const found: Element[] = []
  let at = 0
  while (at < der.length) {
    const short = der[at + 1] ?? 0
    const long = short === 0x81
    if (short > 0x7f && !long) throw notPkcs8()
    const start = at + (long ? 3 : 2)
    const end = start + (long ? (der[at + 2] ?? 0) : short)
    if (end > der.length) throw notPkcs8()
    found.push({ tag: der[at] ?? 0, content: der.subarray(start, end) })
    at = end
  }
  return found
}

function content(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw notPkcs8()
  return element.content
}

function notPkcs8(): ArgumentError {
  return new ArgumentError('the bytes must be an unencrypted PKCS#8 key in DER')
}
