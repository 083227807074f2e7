/**
 * Invalid names of principals, and invalid keys.
 *
 * @module
 */

import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { base16 } from 'multiformats/bases/base16'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { concat, fromHex } from '../cbor.ts'
import { packedText } from '../container.ts'
import { codes, didKey, owner, type Principal, planner, principal, sha256 } from '../principals.ts'
import { delegation, invocation, type Token } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'
import { signatureByAnybody } from './signatures.ts'

/** All of them. */
export function didVectors(): readonly Vector[] {
  return [...didForms(), ...keyForms(), ...keyPoints()]
}

function didForms(): readonly Vector[] {
  return [
    ...refused('did-too-long', 'DID-01', 'too_large', {
      '129 characters': asAudience(`did:web:${'a'.repeat(121)}`),
      '60,000 digits of base58': { container: packedText(chainBeside({ aud: `did:key:z${'6'.repeat(60_000)}` })) },
      'as issuer': asIssuer(`did:key:z${'6'.repeat(120)}`),
    }),
    ...refused('did-syntax', 'DID-02', 'malformed', {
      empty: asAudience(''),
      'without a method': asAudience('did:'),
      'without an identifier': asAudience('did:key:'),
      'without the scheme': asAudience(planner.did.slice(4)),
      'a scheme in upper case': asAudience(planner.did.replace('did:', 'DID:')),
      'a method in upper case': asAudience(planner.did.replace('key', 'KEY')),
      'a space before it': asAudience(` ${planner.did}`),
      'a space after it': asAudience(`${planner.did} `),
      'a line end after it': asAudience(`${planner.did}\n`),
      'NUL after it': asAudience(`${planner.did}\u0000`),
      'a colon after it': asAudience(`${planner.did}:`),
      'a colon after it, of another method': asAudience('did:web:example.com:'),
      'a percent sign that begins nothing': asAudience('did:web:example.com%2'),
      'a letter beyond ASCII': asAudience('did:web:ex\u0430mple.com'),
      'a web address': asAudience('https://example.com'),
      'two of them': asAudience(`${planner.did},${owner.did}`),
    }),
    ...refused('did-url', 'DID-03', 'malformed', {
      'a fragment': asAudience(`${planner.did}#${planner.did.slice(8)}`),
      'an empty fragment': asAudience(`${planner.did}#`),
      'a path': asAudience(`${planner.did}/path`),
      'a query': asAudience(`${planner.did}?version=1`),
      'a fragment, of the issuer': asIssuer(`${owner.did}#${owner.did.slice(8)}`),
      'a fragment, of the subject': {
        tokens: chainBeside({ sub: `${owner.did}#${owner.did.slice(8)}` }),
      },
    }),
  ]
}

/** Ways to write a key that are not the one. */
function keyForms(): readonly Vector[] {
  const bytes = concat([fromHex(codes.Ed25519), planner.publicKey])
  const text = planner.did.slice('did:key:'.length)
  const point = p256.Point.fromBytes(planner256.publicKey)
  return [
    ...refused('key-too-long', 'KEY-01', 'too_large', {
      '65 characters': asAudience(`did:key:z${'6'.repeat(64)}`),
      'an RSA key, cut': asAudience(didKey('8524', new Uint8Array(60).fill(1))),
      'an uncompressed point': asAudience(didKey(codes.ES256, point.toBytes(false))),
      'an uncompressed point, of the invoker': byInvoker(
        planner256,
        didKey(codes.ES256, point.toBytes(false)),
      ),
      'an uncompressed point of secp256k1, of the invoker': byInvoker(
        plannerK1,
        didKey(codes.ES256K, secp256k1.Point.fromBytes(plannerK1.publicKey).toBytes(false)),
      ),
    }),
    ...refused('key-base', 'KEY-02', 'malformed', {
      'no base': asAudience(`did:key:${text.slice(1)}`),
      base64url: asAudience(`did:key:${base64url.encode(bytes)}`),
      'base58 of Flickr': asAudience(`did:key:Z${text.slice(1)}`),
      hexadecimal: asAudience(`did:key:${base16.encode(bytes.slice(0, 20))}`),
    }),
    ...refused('key-base58', 'ENC-01', 'malformed', {
      'a zero': asAudience(`did:key:z0${text.slice(2)}`),
      'a capital O': asAudience(`did:key:${text.slice(0, -1)}O`),
      'a capital I': asAudience(`did:key:${text.slice(0, -1)}I`),
      'a small l': asAudience(`did:key:${text.slice(0, -1)}l`),
      'a percent triplet': asAudience(`did:key:${text.slice(0, -1)}%36`),
    }),
    ...refused('key-code', 'KEY-03', 'unsupported', {
      'a leading zero byte': asAudience(`did:key:z1${text.slice(1)}`),
      X25519: asAudience(didKey('ec01', planner.publicKey)),
      'a private key of Ed25519': asAudience(didKey('8026', sha256(planner.publicKey))),
      'P-384': asAudience(didKey('8124', new Uint8Array(33).fill(2))),
      'BLS12-381': asAudience(didKey('ea01', new Uint8Array(40).fill(1))),
      identity: asAudience(didKey('0020', planner.publicKey)),
      'no code': asAudience(`did:key:${base58btc.encode(planner.publicKey)}`),
      'a code that is not minimal': asAudience(didKey('ed8100', planner.publicKey)),
      'a code that is not minimal, by four bytes': asAudience(didKey('ed81808000', planner.publicKey)),
      'a code that is not minimal, of P-256': asAudience(didKey('80a400', planner256.publicKey)),
      'the code of UCAN 0.9 signatures': asAudience(didKey('eda103', planner.publicKey)),
      'a code that is not minimal, of the issuer': asIssuer(didKey('ed8100', owner.publicKey)),
    }),
    ...refused('key-length', 'KEY-04', 'malformed', {
      'no byte': asAudience(didKey(codes.Ed25519, new Uint8Array())),
      'Ed25519 of 31 bytes': asAudience(didKey(codes.Ed25519, planner.publicKey.slice(1))),
      'Ed25519 of 33 bytes': asAudience(didKey(codes.Ed25519, concat([planner.publicKey, Uint8Array.of(0)]))),
      'Ed25519 bytes under the code of P-256': asAudience(didKey(codes.ES256, planner.publicKey)),
      'P-256 bytes under the code of Ed25519': asAudience(didKey(codes.Ed25519, planner256.publicKey)),
      'P-256 of 32 bytes': asAudience(didKey(codes.ES256, planner256.publicKey.slice(1))),
      'secp256k1 of 34 bytes': asAudience(didKey(codes.ES256K, concat([plannerK1.publicKey, Uint8Array.of(0)]))),
      'the point at infinity': asAudience(didKey(codes.ES256, Uint8Array.of(0))),
    }),
  ]
}

/** Bytes of the right length that are not a valid key. */
function keyPoints(): readonly Vector[] {
  const smallOrder = ([name, hex]: readonly [string, string]): [string, Hostile] => [
    name,
    signedByAnybody(fromHex(hex)),
  ]
  return [
    ...refused('key-not-canonical', 'KEY-05', 'malformed', {
      'y of p': signedByAnybody(fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
      'y of p + 1': signedByAnybody(fromHex('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
      'y of p, with the sign': signedByAnybody(
        fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'),
      ),
      'y of p + 1, with the sign': signedByAnybody(
        fromHex('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'),
      ),
      'y of p + 3': signedByAnybody(fromHex('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
      'y of p + 3, of full order': asAudience(
        didKey(codes.Ed25519, fromHex('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
      ),
      'y of 2^255 - 1': signedByAnybody(fromHex('ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
      'a prefix of an uncompressed point': asAudience(
        didKey(codes.ES256, concat([Uint8Array.of(4), planner256.publicKey.slice(1)])),
      ),
      'a prefix of a hybrid point': asAudience(
        didKey(codes.ES256, concat([Uint8Array.of(6), planner256.publicKey.slice(1)])),
      ),
      'a prefix of no point': asAudience(
        didKey(codes.ES256K, concat([Uint8Array.of(0), plannerK1.publicKey.slice(1)])),
      ),
    }),
    ...refused('key-of-small-order', 'KEY-06', 'malformed', {
      ...Object.fromEntries(smallOrderKeys.map(smallOrder)),
      ...Object.fromEntries(smallOrderKeys.slice(0, 8).flatMap(provenByAnybody)),
    }),
    ...refused('key-not-on-the-curve', 'PRF-10', 'key_unresolved', {
      'of Ed25519': {
        ...signedByAnybody(fromHex('0200000000000000000000000000000000000000000000000000000000000000')),
        at: 0,
      },
      'of P-256': {
        tokens: [noSignature(didKey(codes.ES256, concat([Uint8Array.of(2), notX256])))],
        at: 0,
        context: { subjects: 'any' },
      },
      'of P-256, x of p': {
        tokens: [
          noSignature(
            didKey(codes.ES256, fromHex('02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff')),
          ),
        ],
        at: 0,
        context: { subjects: 'any' },
      },
      'of secp256k1': {
        tokens: [noSignature(didKey(codes.ES256K, concat([Uint8Array.of(2), notXK1])))],
        at: 0,
        context: { subjects: 'any' },
      },
    }),
    ...refused('key-unknown', 'PRF-10', 'key_unresolved', {
      'a method without a resolver': {
        tokens: [noSignature('did:web:example.com')],
        at: 0,
        context: { subjects: 'any' },
      },
      'of the root': {
        tokens: chainFrom('did:web:example.com'),
        at: 0,
        context: { subjects: 'any' },
      },
      'a method that only other libraries know': {
        tokens: [noSignature('did:pkh:eip155:1:0xab16a96d359ec26a11e2c2b3d8f8b8942d5bfcdb')],
        at: 0,
        context: { subjects: 'any' },
      },
    }),
  ]
}

/** The points whose order divides 8, canonically written; and those with x = 0 written as negative. */
const smallOrderKeys: readonly (readonly [string, string])[] = [
  ['order 1', '0100000000000000000000000000000000000000000000000000000000000000'],
  ['order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['order 4', '0000000000000000000000000000000000000000000000000000000000000000'],
  ['order 4, other', '0000000000000000000000000000000000000000000000000000000000000080'],
  ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ['order 8, other sign', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
  ['order 8, other y', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
  ['order 8, other y and sign', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
  ['order 1, minus 0', '0100000000000000000000000000000000000000000000000000000000000080'],
  ['order 2, minus 0', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
]

/** x-coordinates of no point: the first from the SHA-256 of a name up. */
const notX256 = noX(
  0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  -3n,
  0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
)
const notXK1 = noX(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn, 0n, 7n)

const planner256 = principal('planner on P-256', 'ES256')
const plannerK1 = principal('planner on secp256k1', 'ES256K')

/** The smallest x above 4 for which x³ + a x + b is not a square modulo p. */
function noX(p: bigint, a: bigint, b: bigint): Uint8Array {
  for (let x = 5n; ; x++) {
    if (power((((x * x * x + a * x + b) % p) + p) % p, (p - 1n) / 2n, p) === p - 1n) {
      return fromHex(x.toString(16).padStart(64, '0'))
    }
  }
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus
  }
  return result
}

/** A delegation of the owner to this name, beside the one that the planner uses. */
function asAudience(did: string): Hostile {
  return { tokens: chainBeside({ aud: did }) }
}

/** A call that is in order, and a delegation that nothing refers to, with these fields. */
function chainBeside(fields: Readonly<Record<string, string>>): readonly Token[] {
  const grant = delegation({ from: owner, to: planner })
  return [invocation({ by: planner, prf: [grant] }), grant, delegation({ from: owner, to: planner, fields })]
}

/** A call by a principal under another name of its key. */
function byInvoker(principal: Principal, did: string): Hostile {
  const grant = delegation({ from: owner, to: { did } })
  return { tokens: [invocation({ by: { ...principal, did }, prf: [grant] }), grant] }
}

/** A delegation by this name, signed by the owner. */
function asIssuer(did: string): Hostile {
  return { tokens: chainFrom(did) }
}

function chainFrom(did: string): readonly Token[] {
  const grant = delegation({ from: owner, to: planner, fields: { iss: did, sub: did } })
  return [invocation({ by: planner, sub: { did }, prf: [grant] }), grant]
}

/** An invocation whose signature, R = 1 and S = 0, fits every message under a key of order 1, and some under others. */
function signedByAnybody(key: Uint8Array): Hostile {
  return { tokens: [noSignature(didKey(codes.Ed25519, key))], context: { subjects: 'any' } }
}

/** The equation of the signature holds, with an R of full order: in an invocation, and in a delegation. */
function provenByAnybody([name, hex]: readonly [string, string]): readonly [string, Hostile][] {
  const key = fromHex(hex)
  const did = didKey(codes.Ed25519, key)
  const signature = signatureByAnybody(key)
  const call = invocation({ by: owner, sub: { did }, fields: { iss: did }, signature })
  const grant = delegation({ from: owner, to: planner, sub: { did }, fields: { iss: did }, signature })
  const used = invocation({ by: planner, sub: { did }, prf: [grant] })
  const context = { subjects: 'any' as const }
  return [
    [`${name}, and a signature that holds`, { tokens: [call], context }],
    [`${name}, and a signature of a delegation that holds`, { tokens: [used, grant], context }],
  ]
}

function noSignature(did: string): Token {
  const ecdsa = did.startsWith('did:key:zDn') ? planner256 : did.startsWith('did:key:zQ3') ? plannerK1 : owner
  return invocation({
    by: owner,
    signer: ecdsa,
    sub: { did },
    fields: { iss: did },
    signature: () => Uint8Array.of(1, ...new Uint8Array(63)),
  })
}
