/**
 * Valid calls that the writer of the library would write differently: other legal spellings, other versions, and values
 * at the limits.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { concat, encode, float, fromHex, head, mapInOrder, raw, type Value } from '../cbor.ts'
import { base64, base64url, bytesOf, type Container, contents, packedText, textOf } from '../container.ts'
import { gzip } from '../gzip.ts'
import { codes, didKey, owner, type Principal, planner, principal, service, sha256 } from '../principals.ts'
import {
  cidText,
  type DelegationDraft,
  delegation,
  type InvocationDraft,
  invocation,
  type Token,
  time,
} from '../token.ts'
import { signedTwice, twin } from '../twin.ts'
import { type Context, contextOf, type Vector } from '../vector.ts'

/** All of them. */
export function rawVectors(): readonly Vector[] {
  return [...containers(), ...limits(), ...numbers(), ...signatures(), ...versions(), ...forms()]
}

function containers(): readonly Vector[] {
  const tokens = call()
  const plain = contents(tokens)
  const packed = gzip(plain)
  const text = (name: string, requirement: string, container: Container): Vector =>
    allowed(name, requirement, { container })
  return [
    text('container: base64url', 'CTN-01', textOf(tokens)),
    text('container: base64', 'CTN-01', `B${base64(plain)}`),
    text('container: bytes', 'CTN-01', bytesOf('@', plain)),
    text('container: base64url, compressed', 'CTN-03', `P${base64url(packed)}`),
    text('container: base64, compressed', 'CTN-03', `O${base64(packed)}`),
    text('container: bytes, compressed', 'CTN-03', bytesOf('M', packed)),
    text('container: base64url, compressed, other letter', 'CTN-01', `F${base64url(packed)}`),
    text('container: base64, compressed, other letter', 'CTN-01', `E${base64(packed)}`),
    text('container: bytes, compressed, other letter', 'CTN-01', bytesOf('D', packed)),
    text('container: text that came as bytes', 'CTN-01', {
      bytes: base64url(new TextEncoder().encode(textOf(tokens))),
    }),
    text('container: tokens in another order', 'CTN-04', textOf(tokens.toReversed())),
    text('container: a delegation twice', 'CTN-05', textOf([...tokens, tokens[1] as Token])),
    text('container: a file name in the head of gzip', 'CTN-03', `P${base64url(named(packed))}`),
  ]
}

/** At the limit, and not beyond. */
function limits(): readonly Vector[] {
  const tokens = call()
  const [first] = tokens as readonly [Token, Token]
  const limited = (name: string, requirement: string, limit: Context['options']['bounds'] & object): Vector =>
    allowed(name, requirement, { tokens, context: { options: { bounds: limit } } })
  const deep = raw(new Uint8Array(27).fill(0x81), '80')
  const many = Array.from({ length: 16 }, () => delegation({ from: owner, to: owner }))
  // The call without its last argument has 25 items, keys included; `x` and the list are two more.
  const items = raw(head(4, 8_165), new Uint8Array(8_165).fill(0xf6))
  return [
    limited('limit: bytes of the container', 'LIM-01', { containerBytes: contents(tokens).length }),
    limited('limit: bytes of a token', 'LIM-03', { tokenBytes: first.bytes.length }),
    limited('limit: tokens', 'CBR-17', { tokens: 2 }),
    limited('limit: proofs', 'LIM-04', { proofs: 1 }),
    allowed('limit: 16 proofs', 'LIM-04', {
      tokens: [invocation({ by: owner, prf: many }), many[0] as Token],
      invoker: owner,
    }),
    allowed('limit: 32 levels', 'CBR-16', { tokens: call({ args: { to: 'bob@example.com', x: deep } }) }),
    allowed('limit: 8,192 items', 'CBR-17', {
      container: packedText([invocation({ by: owner, args: { to: '', x: items } })]),
      invoker: owner,
    }),
    allowed('limit: 256 statements', 'POL-05', {
      container: packedText(call({}, { pol: Array.from({ length: 256 }, () => ['and', []]) })),
    }),
    allowed('limit: 16 statements inside each other', 'POL-04', { tokens: call({}, { pol: [nested(16)] }) }),
    allowed('limit: a command of 256 characters', 'CMD-04', {
      tokens: call({ cmd: `/mail/${'a'.repeat(250)}` }),
      command: `/mail/${'a'.repeat(250)}`,
    }),
    allowed('limit: a command of 16 segments', 'CMD-04', {
      tokens: call({ cmd: `/mail${'/a'.repeat(15)}` }),
      command: `/mail${'/a'.repeat(15)}`,
    }),
  ]
}

function numbers(): readonly Vector[] {
  const pair = (name: string, requirement: string, pol: Value, args: Value): Vector =>
    allowed(name, requirement, { tokens: call({ args }, { pol }) })
  return [
    pair('number: 1.0 where 1 is asked for', 'CBR-21', [['==', '.x', 1]], { x: float(1) }),
    pair('number: 1 where 1.0 is asked for', 'CBR-21', [['==', '.x', float(1)]], { x: 1 }),
    pair('number: -0.0 where 0 is asked for', 'CBR-21', [['==', '.x', 0]], { x: float(-0) }),
    pair('number: 100.0 at most 100', 'CBR-21', [['<=', '.x', 100]], { x: float(100) }),
    pair('number: 2^53 - 1', 'CBR-15', [['>=', '.x', 9_007_199_254_740_991]], { x: 9_007_199_254_740_991 }),
    pair('number: -(2^53 - 1)', 'CBR-15', [['<', '.x', 0]], { x: -9_007_199_254_740_991 }),
    pair('number: the smallest fraction', 'CBR-21', [['>', '.x', 0]], { x: 5e-324 }),
    allowed('number: an expiry written as a float', 'TIM-01', { tokens: call({ exp: float(time + 60) }) }),
  ]
}

function signatures(): readonly Vector[] {
  const owner256 = principal('owner on P-256', 'ES256')
  const ownerK1 = principal('owner on secp256k1', 'ES256K')
  const self = invocation({ by: owner })
  const high256 = twin(delegation({ from: owner256, to: planner, sub: owner256 }), 'ES256')
  const highK1 = twin(delegation({ from: ownerK1, to: planner, sub: ownerK1 }), 'ES256K')
  const low = delegation({ from: owner256, to: planner, sub: owner256 })
  return [
    allowed('signature: high S in an invocation', 'SIG-05', {
      tokens: [twin(invocation({ by: owner256, sub: owner256 }), 'ES256')],
      subject: owner256,
      invoker: owner256,
    }),
    allowed('signature: high S in a delegation', 'SIG-05', {
      tokens: [invocation({ by: planner, sub: owner256, prf: [high256] }), high256],
      subject: owner256,
    }),
    allowed('signature: high S in a delegation, secp256k1', 'SIG-05', {
      tokens: [invocation({ by: planner, sub: ownerK1, prf: [highK1] }), highK1],
      subject: ownerK1,
    }),
    allowed('signature: both twins of a delegation in the container', 'SIG-05', {
      tokens: [invocation({ by: planner, sub: owner256, prf: [low] }), low, high256],
      subject: owner256,
    }),
    allowed('signature: another R by the same key', 'PRF-08', { tokens: [signedTwice(self, owner)], invoker: owner }),
    mixedKey(),
    allowed('signature: a delegation that nothing refers to is signed by nobody', 'PRF-08', {
      tokens: [...call(), delegation({ from: principal('x'), to: planner, signature: () => new Uint8Array(64) })],
    }),
  ]
}

function versions(): readonly Vector[] {
  const both = { options: { accept: ['1.0.0', '1.0.0-rc.1'] as const } }
  const dlg = 'ucan/dlg@1.0.0-rc.1'
  const inv = 'ucan/inv@1.0.0-rc.1'
  const redundant = { options: { acceptRedundantFields: true } }
  return [
    allowed('version: the candidate', 'ENV-06', { tokens: call({ tag: inv }, { tag: dlg }), context: both }),
    allowed('version: a delegation of the candidate', 'ENV-06', { tokens: call({}, { tag: dlg }), context: both }),
    allowed('version: an invocation of the candidate', 'ENV-06', { tokens: call({ tag: inv }), context: both }),
    allowed('version: the candidate alone', 'ENV-06', {
      tokens: call({ tag: inv }, { tag: dlg }),
      context: { options: { accept: ['1.0.0-rc.1'] } },
    }),
    allowed('version: notes of the candidate are empty', 'TOK-07', {
      tokens: call({ tag: inv, fields: { meta: {} } }, { tag: dlg, fields: { meta: {} } }),
      context: both,
    }),
    allowed('version: an audience of the candidate that is the subject', 'TOK-09', {
      tokens: [invocation({ by: service, sub: service, aud: service, tag: inv })],
      subject: service,
      invoker: service,
      context: both,
    }),
    allowed('redundant: empty notes', 'TOK-07', {
      tokens: call({ fields: { meta: {} } }, { fields: { meta: {} } }),
      context: redundant,
    }),
    allowed('redundant: an audience that is the subject', 'TOK-09', {
      tokens: [invocation({ by: service, sub: service, aud: service })],
      subject: service,
      invoker: service,
      context: redundant,
    }),
  ]
}

function forms(): readonly Vector[] {
  const [, root] = call() as readonly [Token, Token]
  return [
    allowed('form: a time of issue in the future, which is no promise', 'TIM-01', {
      tokens: call({ fields: { iat: time + 86_400 } }),
    }),
    allowed('form: an invocation with a beginning', 'TIM-02', {
      tokens: call({ fields: { nbf: time + 60 } }),
      notBefore: time + 60,
    }),
    allowed('form: a delegation without a nonce', 'TOK-05', {
      tokens: call({}, { fields: { nonce: new Uint8Array() } }),
    }),
    allowed('form: an audience by another method in a delegation that nothing refers to', 'TOK-03', {
      tokens: [...call(), delegation({ from: owner, to: { did: 'did:web:example.com%3A8443:user' } })],
    }),
    allowed('form: arguments that have the names of what objects inherit', 'CBR-20', {
      tokens: call(
        {
          args: mapInOrder([
            ['valueOf', 1],
            ['toString', 2],
            ['constructor', 3],
          ]),
        },
        { pol: [['==', '.toString', 2]] },
      ),
    }),
    allowed('form: text beyond ASCII, with NUL and a byte order mark', 'CBR-08', {
      tokens: call({ args: { to: '\ufeff\u0000\u{1f4e7} \u00e9 e\u0301' } }),
    }),
    allowed('form: a link in the arguments to something that is no token', 'CBR-14', {
      tokens: call({
        args: { to: '', file: raw('d82a', encode(concat([fromHex('00 01 55 12 20'), sha256(root.bytes)]))) },
      }),
    }),
    allowed('form: a CID in the arguments as text', 'CID-05', { tokens: call({ args: { to: cidText(root) } }) }),
  ]
}

interface Good {
  readonly tokens?: readonly Token[]
  readonly container?: Container
  readonly context?: Partial<Context>
  readonly subject?: Principal
  readonly invoker?: Principal
  readonly command?: string
  readonly notBefore?: number
}

function allowed(name: string, requirement: string, good: Good): Vector {
  const {
    tokens = [],
    container = textOf(tokens),
    context,
    subject = owner,
    invoker = planner,
    command = '/mail/send',
    notBefore,
  } = good
  return {
    name,
    requirement,
    container,
    context: contextOf({ subjects: [subject.did], ...context }),
    expected: {
      allowed: true,
      subject: subject.did,
      invoker: invoker.did,
      command,
      expiration: time + 60,
      ...(notBefore === undefined ? {} : { notBefore }),
    },
  }
}

/** A call through one delegation. */
function call(invoked: Partial<InvocationDraft> = {}, delegated: Partial<DelegationDraft> = {}): readonly Token[] {
  const grant = delegation({ from: owner, to: planner, ...delegated })
  return [invocation({ by: planner, prf: [grant], ...invoked }), grant]
}

/** Statements that turn each other around; the innermost is false. */
function nested(levels: number): Value {
  return levels === 1 ? ['!=', '.to', 'bob@example.com'] : ['not', nested(levels - 1)]
}

/** The member with a file name in its head. */
function named(member: Uint8Array): Uint8Array {
  return concat([member.slice(0, 3), Uint8Array.of(8), member.slice(4, 10), fromHex('6100'), member.slice(10)])
}

/**
 * A key with a part of order 8, and a signature whose challenge is a multiple of 8, so that the part falls away: the
 * equation holds without the cofactor. Not a key that anybody makes by accident, and no reason for two verdicts.
 */
function mixedKey(): Vector {
  const { Point } = ed25519
  const order = Point.Fn.ORDER
  const torsion = Point.fromBytes(fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'))
  const secret = number(sha256(new TextEncoder().encode('procura vectors mixed key'))) % order
  const key = Point.BASE.multiply(secret).add(torsion)
  const did = didKey(codes.Ed25519, key.toBytes())
  const sign = (signed: Uint8Array): Uint8Array => {
    for (let attempt = 0; ; attempt++) {
      const nonce = number(sha256(new TextEncoder().encode(`procura vectors mixed nonce ${attempt}`))) % order
      const r = Point.BASE.multiply(nonce).toBytes()
      const k = number(createHash('sha512').update(r).update(key.toBytes()).update(signed).digest()) % order
      if (k % 8n !== 0n) continue
      const s = (nonce + k * secret) % order
      return concat([r, fromHex(s.toString(16).padStart(64, '0')).reverse()])
    }
  }
  const invoker: Principal = { ...owner, did, publicKey: key.toBytes(), sign }
  return allowed('signature: a key with a part of small order, without its cofactor', 'SIG-03', {
    tokens: [invocation({ by: invoker, sub: invoker })],
    subject: invoker,
    invoker,
  })
}

function number(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}
