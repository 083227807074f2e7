/**
 * A small writer of tokens for tests: it signs any fields, right or wrong.
 *
 * @module
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { encodeCanonical, head } from './cbor.ts'
import { type Algorithm, didOf, varsigHeader } from './keys.ts'

/** A key pair of a test. Signing is deterministic, so that a seed gives the same bytes every time. */
export interface Principal {
  readonly did: string
  readonly algorithm: Algorithm
  readonly publicKey: Uint8Array
  /** The seed of Ed25519 or the scalar of ECDSA; for handing the same key to the library under test. */
  readonly secretKey: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/** Makes a principal from a name. The same name always gives the same key. */
export function principalOf(name: string, algorithm: Algorithm = 'Ed25519'): Principal {
  const secretKey = new Uint8Array(createHash('sha256').update(`${algorithm} ${name}`).digest())
  if (algorithm === 'Ed25519') return ed25519Principal(secretKey)
  const curve = algorithm === 'ES256' ? p256 : secp256k1
  const publicKey = curve.getPublicKey(secretKey, true)
  return {
    did: didOf(algorithm, publicKey),
    algorithm,
    publicKey,
    secretKey,
    sign: (bytes) => curve.sign(bytes, secretKey, { format: 'compact', lowS: true }),
  }
}

function ed25519Principal(secretKey: Uint8Array): Principal {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secretKey])
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(spki.length - 32))
  return {
    did: didOf('Ed25519', publicKey),
    algorithm: 'Ed25519',
    publicKey,
    secretKey,
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  }
}

/** The input of {@link writeToken}. A valid token needs only `tag`, `fields` and `signer`. */
export interface TokenDraft {
  readonly tag: string
  readonly fields: { readonly [key: string]: unknown }
  readonly signer: Principal
  /** Instead of the varsig header of the signer's algorithm. */
  readonly header?: Uint8Array
  /** More keys beside `h` and the payload. */
  readonly beside?: { readonly [key: string]: unknown }
}

/** Signs and writes one token. */
export function writeToken(draft: TokenDraft): Uint8Array {
  const header = draft.header ?? varsigHeader(draft.signer.algorithm)
  const signed = encodeCanonical({ ...draft.beside, h: header, [draft.tag]: draft.fields })
  return joinEnvelope(draft.signer.sign(signed), signed)
}

/** Puts a signature before the bytes it signs. */
function joinEnvelope(signature: Uint8Array, signed: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.from([...head(4, 2), ...head(2, signature.length)]), signature, signed]))
}

/** A raw container (`0x40`, no compression, no base encoding) of tokens in the order given. */
export function writeContainer(tokens: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.of(0x40), encodeCanonical({ 'ctn-v1': tokens })]))
}
