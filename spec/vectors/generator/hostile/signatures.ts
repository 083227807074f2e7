/**
 * Signatures that are not signatures of the issuer over these bytes.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concat, encode, float, fromHex, type Value } from '../cbor.ts'
import { codes, didKey, mailer, owner, type Principal, planner, principal, sha256, stranger } from '../principals.ts'
import { delegation, envelope, invocation, type Token } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function signatureVectors(): readonly Vector[] {
  return [...foreign(), ...bitFlips(), ...malleable(), ...otherBytes()]
}

/** Signed by somebody else, at each place of a chain. */
function foreign(): readonly Vector[] {
  const good = chain()
  return [
    ...refused('signed-by-another', 'PRF-08', 'signature_invalid', {
      'the invocation': { tokens: chain({ signers: [owner, planner, stranger] }), at: 2 },
      'the invocation, by the one before': { tokens: chain({ signers: [owner, planner, planner] }), at: 2 },
      'the root': { tokens: chain({ signers: [stranger, planner, mailer] }), at: 0 },
      'the root, by its audience': { tokens: chain({ signers: [planner, planner, mailer] }), at: 0 },
      'the second delegation': { tokens: chain({ signers: [owner, stranger, mailer] }), at: 1 },
      'the second delegation, by the subject': { tokens: chain({ signers: [owner, owner, mailer] }), at: 1 },
      'a self-issued invocation': { tokens: [invocation({ by: owner, signer: stranger })], at: 0 },
      'on P-256': {
        tokens: [invocation({ by: owner256, sub: owner256, signer: other256 })],
        at: 0,
        context: { subjects: [owner256.did] },
      },
      'on secp256k1': {
        tokens: [invocation({ by: ownerK1, sub: ownerK1, signer: otherK1 })],
        at: 0,
        context: { subjects: [ownerK1.did] },
      },
    }),
    ...refused('signature-of-another-token', 'PRF-08', 'signature_invalid', {
      'that of the root on the invocation': { tokens: withSignature(good, 0, (good[1] as Token).signature), at: 2 },
      'that of another invocation': {
        tokens: withSignature(good, 0, invocation({ by: mailer, prf: good.slice(1), cmd: '/mail/list' }).signature),
        at: 2,
      },
      'that of the same call at another time': {
        tokens: withSignature(good, 0, invocation({ by: mailer, prf: good.slice(1), exp: 1_800_000_059 }).signature),
        at: 2,
      },
      'that of the root on the second delegation': signedAgain(planner, (good[1] as Token).signature),
    }),
  ]
}

/** Flips one bit of a valid signature or of the signed bytes. */
function bitFlips(): readonly Vector[] {
  const sides: readonly (readonly [string, number])[] = [
    ['first byte of R', 0],
    ['last byte of R', 31],
    ['first byte of S', 32],
    ['byte of S', 50],
  ]
  const flipped = (issuer: Principal): Readonly<Record<string, Hostile>> =>
    Object.fromEntries(
      sides.map(([name, at]) => {
        const call = invocation({ by: issuer, sub: issuer })
        const signature = call.signature.map((byte, index) => (index === at ? byte ^ 1 : byte))
        return [
          `${name}, ${issuer.algorithm}`,
          {
            tokens: [{ ...call, bytes: envelope(signature, call.signed) }],
            at: 0,
            context: { subjects: [issuer.did] },
          },
        ]
      }),
    )
  return [
    ...refused('signature-bit', 'PRF-08', 'signature_invalid', {
      ...flipped(owner),
      ...flipped(owner256),
      ...flipped(ownerK1),
      'of a delegation': signedAgain(
        planner,
        chainSignature(1).map((byte, index) => (index === 40 ? byte ^ 4 : byte)),
      ),
    }),
    ...refused('signed-bit', 'PRF-08', 'signature_invalid', {
      'of the recipient': { tokens: [edited('bob@example.com', 'bob@exampld.com')], at: 0 },
      'of the command': { tokens: [edited('/mail/send', '/mail/senf')], at: 0 },
      'of the nonce': { tokens: [flippedAt((call) => Buffer.from(call.bytes).indexOf('nonce') + 8)], at: 0 },
      'of the time of expiry': { tokens: [flippedAt((call) => Buffer.from(call.bytes).indexOf('cexp') + 8)], at: 0 },
    }),
  ]
}

/** Signatures that a lax verifier takes. */
function malleable(): readonly Vector[] {
  const order = ed25519.Point.Fn.ORDER
  const call = invocation({ by: owner })
  const r = call.signature.slice(0, 32)
  const s = littleEndian(call.signature.slice(32))
  const ed = (signature: Uint8Array): Hostile => ({
    tokens: [{ ...call, bytes: envelope(signature, call.signed) }],
    at: 0,
  })
  const ecdsa = (issuer: Principal, signature: Uint8Array): Hostile => ({
    tokens: [invocation({ by: issuer, sub: issuer, signature: () => signature })],
    at: 0,
    context: { subjects: [issuer.did] },
  })
  const n256 = bigEndianBytes(p256.Point.Fn.ORDER)
  const nK1 = bigEndianBytes(secp256k1.Point.Fn.ORDER)
  const zero = new Uint8Array(32)
  const one = Uint8Array.of(...new Uint8Array(31), 1)
  return [
    ...refused('signature-s-beyond-order', 'PRF-08', 'signature_invalid', {
      'S + L': ed(concat([r, littleEndianBytes(s + order)])),
      'S + 2 L': ed(concat([r, littleEndianBytes(s + 2n * order)])),
      'S of L': ed(concat([r, littleEndianBytes(order)])),
      'S of 2^256 - 1': ed(concat([r, new Uint8Array(32).fill(0xff)])),
      '-S': ed(concat([r, littleEndianBytes(order - s)])),
    }),
    ...refused('signature-r', 'PRF-08', 'signature_invalid', {
      'all zero': ed(new Uint8Array(64)),
      'all ones': ed(new Uint8Array(64).fill(0xff)),
      'R of order 1': ed(concat([fromHex('01'), new Uint8Array(31), call.signature.slice(32)])),
      'R of order 1 and S of 0': ed(concat([fromHex('01'), new Uint8Array(63)])),
      'R of order 1 by the holder of the key': ofSmallR(),
      'R with a y beyond p': ed(concat([new Uint8Array(31).fill(0xff), fromHex('7f'), call.signature.slice(32)])),
      'R with the other sign': ed(call.signature.map((byte, at) => (at === 31 ? byte ^ 0x80 : byte))),
    }),
    ...refused('signature-with-cofactor', 'PRF-08', 'signature_invalid', {
      'the key has a part of small order': mixedKey(),
      'R has a part of small order': mixedR(),
    }),
    ...refused('signature-out-of-range', 'PRF-08', 'signature_invalid', {
      'r and s of 0': ecdsa(owner256, new Uint8Array(64)),
      'r of 0': ecdsa(owner256, concat([zero, one])),
      's of 0': ecdsa(owner256, concat([one, zero])),
      'r of n': ecdsa(owner256, concat([n256, one])),
      's of n': ecdsa(owner256, concat([one, n256])),
      's + n does not fit': ecdsa(owner256, new Uint8Array(64).fill(0xff)),
      'r and s of 0 on secp256k1': ecdsa(ownerK1, new Uint8Array(64)),
      'r of n on secp256k1': ecdsa(ownerK1, concat([nK1, one])),
      's of n on secp256k1': ecdsa(ownerK1, concat([one, nK1])),
    }),
  ]
}

/** Signatures over bytes that resemble the bytes to be signed. */
function otherBytes(): readonly Vector[] {
  const over = (bytes: (signed: Uint8Array) => Uint8Array): Hostile => ({
    tokens: [invocation({ by: owner, signature: (signed) => owner.sign(bytes(signed)) })],
    at: 0,
  })
  return [
    ...refused('signed-other-bytes', 'PRF-08', 'signature_invalid', {
      'the hash of the signed part': over(sha256),
      'the whole envelope without signature': over((signed) => concat([fromHex('82 40'), signed])),
      'the payload without its header': {
        tokens: [
          invocation({
            by: owner,
            body: (h, payload) => ({ h, 'ucan/inv@1.0.0': payload }),
            signature: (signed) => owner.sign(signed.slice(signed.indexOf(0x71) + 1)),
          }),
        ],
        at: 0,
      },
      'the digest, which ECDSA hashes once more': {
        tokens: [invocation({ by: owner256, sub: owner256, signature: (signed) => owner256.sign(sha256(signed)) })],
        at: 0,
        context: { subjects: [owner256.did] },
      },
      'under the tag of another version': {
        tokens: [
          invocation({
            by: owner,
            signature: (signed) =>
              owner.sign(Buffer.from(Buffer.from(signed).toString('latin1').replace('v@1.0.0', 'v@1.0.1'), 'latin1')),
          }),
        ],
        at: 0,
      },
    }),
    ...refused('signed-before-encoding-again', 'PRF-08', 'signature_invalid', {
      '1 became 1.0': { tokens: [reencoded({ x: 1 }, { x: float(1) })], at: 0 },
      '1.0 became 1': { tokens: [reencoded({ x: float(1) }, { x: 1 })], at: 0 },
      '0 became -0.0': { tokens: [reencoded({ x: 0 }, { x: float(-0) })], at: 0 },
      '-0.0 became 0.0': { tokens: [reencoded({ x: float(-0) }, { x: float(0) })], at: 0 },
    }),
  ]
}

const owner256 = principal('owner on P-256', 'ES256')
const other256 = principal('stranger on P-256', 'ES256')
const ownerK1 = principal('owner on secp256k1', 'ES256K')
const otherK1 = principal('stranger on secp256k1', 'ES256K')

/** Invocation, root, second delegation; each signed by whom it should be, or by another. */
function chain(change: { readonly signers?: readonly [Principal, Principal, Principal] } = {}): readonly Token[] {
  const [first, second, third] = change.signers ?? [owner, planner, mailer]
  const root = delegation({ from: owner, to: planner, signer: first })
  const next = delegation({ from: planner, to: mailer, signer: second })
  return [invocation({ by: mailer, prf: [root, next], signer: third }), root, next]
}

/** The same tokens, one of them with another signature; the proofs still name the old bytes. */
function withSignature(tokens: readonly Token[], index: number, signature: Uint8Array): readonly Token[] {
  return tokens.map((token, at) =>
    at === index ? { ...token, signature, bytes: envelope(signature, token.signed) } : token,
  )
}

function chainSignature(index: number): Uint8Array {
  return (chain()[index + 1] as Token).signature
}

/** A chain whose second delegation has this signature; the invocation names its bytes. */
function signedAgain(issuer: Principal, signature: Uint8Array): Hostile {
  const root = delegation({ from: owner, to: planner })
  const next = delegation({ from: issuer, to: mailer, signature: () => signature })
  return { tokens: [invocation({ by: mailer, prf: [root, next] }), root, next], at: 1 }
}

/** A self-issued invocation in which text was replaced by text of the same length after signing. */
function edited(from: string, to: string): Token {
  const call = invocation({ by: owner })
  const bytes = new Uint8Array(Buffer.from(Buffer.from(call.bytes).toString('latin1').replace(from, to), 'latin1'))
  return { ...call, bytes }
}

function flippedAt(find: (call: Token) => number): Token {
  const call = invocation({ by: owner })
  const place = find(call)
  return { ...call, bytes: call.bytes.map((byte, at) => (at === place ? byte ^ 1 : byte)) }
}

/** Signed with one set of arguments, sent with another of the same meaning. */
function reencoded(signedArgs: Value, sentArgs: Value): Token {
  const { signature } = invocation({ by: owner, args: signedArgs })
  return invocation({ by: owner, args: sentArgs, signature: () => signature })
}

/**
 * A key A' = A + T with T of order 8. `S B = R + k A'` is true up to `k T`, which the cofactor 8 hides. The nonce is
 * chosen so that `k` is not a multiple of 8, and `k T` is not zero.
 */
function mixedKey(): Hostile {
  const secret = scalar('mixed key')
  const key = ed25519.Point.BASE.multiply(secret).add(torsion())
  const did = didKey(codes.Ed25519, key.toBytes())
  return {
    tokens: [
      invocation({
        by: owner,
        sub: { did },
        fields: { iss: did },
        signature: (signed) => {
          for (let attempt = 0; ; attempt++) {
            const nonce = scalar(`mixed key nonce ${attempt}`)
            const r = ed25519.Point.BASE.multiply(nonce).toBytes()
            const k = challenge(r, key.toBytes(), signed)
            if (k % 8n !== 0n) return concat([r, littleEndianBytes((nonce + k * secret) % ed25519.Point.Fn.ORDER)])
          }
        },
      }),
    ],
    at: 0,
    context: { subjects: 'any' },
  }
}

/** R' = R + T: with the cofactor the equation holds as well. */
function mixedR(): Hostile {
  const secret = scalar('good key')
  const key = ed25519.Point.BASE.multiply(secret)
  const did = didKey(codes.Ed25519, key.toBytes())
  return {
    tokens: [
      invocation({
        by: owner,
        sub: { did },
        fields: { iss: did },
        signature: (signed) => {
          const nonce = scalar('mixed nonce')
          const r = ed25519.Point.BASE.multiply(nonce).add(torsion()).toBytes()
          const k = challenge(r, key.toBytes(), signed)
          return concat([r, littleEndianBytes((nonce + k * secret) % ed25519.Point.Fn.ORDER)])
        },
      }),
    ],
    at: 0,
    context: { subjects: 'any' },
  }
}

/** R of order 1, S = k a: the equation holds, and the holder of the key can make it. */
function ofSmallR(): Hostile {
  const secret = scalar('good key')
  const key = ed25519.Point.BASE.multiply(secret)
  const did = didKey(codes.Ed25519, key.toBytes())
  const r = ed25519.Point.ZERO.toBytes()
  return {
    tokens: [
      invocation({
        by: owner,
        sub: { did },
        fields: { iss: did },
        signature: (signed) =>
          concat([r, littleEndianBytes((challenge(r, key.toBytes(), signed) * secret) % ed25519.Point.Fn.ORDER)]),
      }),
    ],
    at: 0,
    context: { subjects: 'any' },
  }
}

/**
 * The signature that anybody can make for a key of small order: R = r B with r for which `k` is a multiple of the order,
 * and S = r. The equation holds, and R is of full order.
 */
export function signatureByAnybody(key: Uint8Array): (signed: Uint8Array) => Uint8Array {
  return (signed) => {
    for (let attempt = 1n; ; attempt++) {
      const r = ed25519.Point.BASE.multiply(attempt).toBytes()
      if (challenge(r, key, signed) % 8n === 0n) return concat([r, littleEndianBytes(attempt)])
    }
  }
}

function torsion(): InstanceType<typeof ed25519.Point> {
  return ed25519.Point.fromBytes(fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'))
}

function scalar(name: string): bigint {
  return littleEndian(sha256(encode(`procura vectors ${name}`))) % ed25519.Point.Fn.ORDER
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash('sha512').update(r).update(key).update(message).digest()
  return littleEndian(digest) % ed25519.Point.Fn.ORDER
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

function littleEndianBytes(value: bigint): Uint8Array {
  return bigEndianBytes(value).reverse()
}

function bigEndianBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0'))
}
