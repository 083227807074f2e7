/**
 * Envelopes and payloads that do not belong to a token.
 *
 * @module
 */

import { concat, encode, fromHex, link, raw, type Value } from '../cbor.ts'
import { codes, otherService, owner, planner, principal, service, sha256, varsigOf } from '../principals.ts'
import { cidOf, cidText, delegation, envelope, invocation, linkTo, type Token } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function envelopeVectors(): readonly Vector[] {
  return [...envelopeForms(), ...headerVectors(), ...tagVectors(), ...fieldVectors(), ...fieldTypes()]
}

function envelopeForms(): readonly Vector[] {
  const call = invocation({ by: owner })
  const bytes = (value: Value): Hostile => ({ tokens: [{ ...call, bytes: encode(value) }] })
  const body = (make: (h: Value, payload: Value) => Value): Hostile => ({
    tokens: [invocation({ by: owner, body: make })],
  })
  const tag = 'ucan/inv@1.0.0'
  return [
    ...refused('envelope-length', 'ENV-01', 'malformed', {
      'an empty list': bytes([]),
      'the signature alone': bytes([call.signature]),
      'one element more': bytes([call.signature, raw(call.signed), null]),
      'a list of 255': bytes(raw('98 ff', new Uint8Array(255).fill(0xf6))),
    }),
    ...refused('signature-length', 'ENV-02', 'malformed', {
      'no byte': { tokens: [signedAs(new Uint8Array())] },
      '63 bytes': { tokens: [signedAs(call.signature.slice(0, 63))] },
      '65 bytes': { tokens: [signedAs(concat([call.signature, Uint8Array.of(0)]))] },
      '128 bytes': { tokens: [signedAs(concat([call.signature, call.signature]))] },
      'ASN.1': {
        tokens: [
          signedAs(
            concat([fromHex('3044 0220'), call.signature.slice(0, 32), fromHex('0220'), call.signature.slice(32)]),
          ),
        ],
      },
      'of a delegation': {
        tokens: chain(delegation({ from: owner, to: planner, signature: () => new Uint8Array() })),
      },
    }),
    ...refused('signed-part', 'ENV-03', 'malformed', {
      'an empty map': body(() => ({})),
      'no header': body((_, payload) => ({ [tag]: payload })),
      'the header alone': body((h) => ({ h })),
      'the header under another key': body((h, payload) => ({ H: h, [tag]: payload })),
      'one key more': body((h, payload) => ({ h, [tag]: payload, x: 1 })),
      'a public key beside': body((h, payload) => ({ h, [tag]: payload, jwk: owner.publicKey })),
      'two payloads': body((h, payload) => ({ h, [tag]: payload, 'ucan/dlg@1.0.0': payload })),
      'two payloads of one kind': body((h, payload) => ({ h, [tag]: payload, 'ucan/inv@1.0.0-rc.1': payload })),
      'a list': body((h, payload) => [h, payload]),
      'the payload itself': body((_, payload) => payload),
      'a byte string': body((h, payload) => encode({ h, [tag]: payload })),
      'a header of text': body((_, payload) => ({ h: 'EdDSA', [tag]: payload })),
      'a header of null': body((_, payload) => ({ h: null, [tag]: payload })),
      'an empty type tag': body((h, payload) => ({ h, '': payload })),
      'a header in a list': body((h, payload) => ({ h: [h], [tag]: payload })),
    }),
    ...refused('payload-kind', 'ENV-07', 'malformed', {
      'a list': body((h, payload) => ({ h, [tag]: [payload] })),
      'a byte string': body((h, payload) => ({ h, [tag]: encode(payload) })),
      null: body((h) => ({ h, [tag]: null })),
      'a link': body((h) => ({ h, [tag]: link(cidOf(new Uint8Array())) })),
    }),
  ]
}

/** Unknown headers, and the matrix of the three known ones: key against header. */
function headerVectors(): readonly Vector[] {
  const keys = [owner, owner256, ownerK1]
  const matrix = keys.flatMap((key) =>
    keys
      .filter((other) => other !== key)
      .map((other): [string, Hostile] => [
        `${other.algorithm} with a key of ${key.algorithm}`,
        {
          tokens: [invocation({ by: key, sub: key, header: varsigOf(other.algorithm) })],
          at: 0,
          context: { subjects: [key.did] },
        },
      ]),
  )
  const grants = keys.flatMap((key) =>
    keys
      .filter((other) => other !== key)
      .map((other): [string, Hostile] => [
        `${other.algorithm} with a key of ${key.algorithm}, in a delegation`,
        {
          tokens: chain(delegation({ from: key, to: planner, sub: key, header: varsigOf(other.algorithm) }), key),
          at: 0,
          context: { subjects: [key.did] },
        },
      ]),
  )
  const header = (hex: string): Hostile => ({ tokens: [invocation({ by: owner, header: fromHex(hex) })] })
  return [
    ...refused('header-of-another-algorithm', 'PRF-09', 'signature_invalid', {
      ...Object.fromEntries([...matrix, ...grants]),
      'signed by a key of the algorithm that it names': {
        tokens: [invocation({ by: owner, signer: owner256 })],
        at: 0,
      },
    }),
    ...refused('header', 'ENV-04', 'unsupported', {
      'no byte': header(''),
      'the prefix alone': header('34 01'),
      'of version 0': header('34 ed01 71'),
      'of version 0, with the hash': header('34 ed01 13 71'),
      'of version 2': header('34 02 ed01 ed01 13 71'),
      'of another prefix': header('35 01 ed01 ed01 13 71'),
      'without a prefix': header('ed01 ed01 13 71'),
      'without the codec': header('34 01 ed01 ed01 13'),
      'without the hash': header('34 01 ed01 ed01 71'),
      'one byte more': header('34 01 ed01 ed01 13 71 00'),
      'the header twice': header('34 01 ed01 ed01 13 71 34 01 ed01 ed01 13 71'),
      'over raw bytes': header('34 01 ed01 ed01 13 5f'),
      'over DAG-JSON': header('34 01 ed01 ed01 13 a902'),
      'over DAG-PB': header('34 01 ed01 ed01 13 70'),
      'Ed25519 with SHA-256': header('34 01 ed01 ed01 12 71'),
      'EdDSA on the curve of P-256': header('34 01 ed01 8024 13 71'),
      'ECDSA on the curve of Ed25519': header('34 01 ec01 ed01 12 71'),
      'ES256 with SHA-512': header('34 01 ec01 8024 13 71'),
      ES384: header('34 01 ec01 8124 20 71'),
      ES512: header('34 01 ec01 8224 13 71'),
      RS256: header('34 01 8524 12 8002 71'),
      'EIP-191': header('34 01 ec01 e701 1b 91c303 71'),
      'Ed25519 by its code in UCAN 0.9': header('34 01 eda103 ed01 13 71'),
      'an attestation of an authority': header('34 01 818040 71'),
      'a number that is not minimal': header('34 8100 ed01 ed01 13 71'),
      'the hash of identity': header('34 01 ed01 ed01 00 71'),
      'of a delegation': {
        tokens: chain(delegation({ from: owner, to: planner, header: fromHex('34 01 ec01 8124 20 71') })),
      },
    }),
  ]
}

function tagVectors(): readonly Vector[] {
  const tagged = (tag: string): Hostile => ({ tokens: [invocation({ by: owner, tag })] })
  return [
    ...refused('type-tag', 'ENV-05', 'unsupported', {
      'of an unknown version': tagged('ucan/inv@1.0.1'),
      'of a version that nobody has': tagged('ucan/inv@999.evil'),
      'of the next version': tagged('ucan/inv@2.0.0'),
      'of an earlier version': tagged('ucan/inv@1.0.0-rc.2'),
      'without a version': tagged('ucan/inv'),
      'of a short version': tagged('ucan/inv@1.0'),
      'in upper case': tagged('UCAN/INV@1.0.0'),
      'with a space after it': tagged('ucan/inv@1.0.0 '),
      'with NUL after it': tagged('ucan/inv@1.0.0\u0000'),
      'of an unknown kind': tagged('ucan/rev@1.0.0'),
      'of all kinds': tagged('ucan@1.0.0'),
      'with a slash more': tagged('/ucan/inv@1.0.0'),
      'as every object has it': tagged('constructor'),
      'of a delegation, of a version that nobody has': {
        tokens: chain(delegation({ from: owner, to: planner, tag: 'ucan/dlg@999.evil' })),
      },
    }),
    ...refused('type-tag-of-the-candidate', 'ENV-06', 'unsupported', {
      'in an invocation': tagged('ucan/inv@1.0.0-rc.1'),
      'in a delegation': { tokens: chain(delegation({ from: owner, to: planner, tag: 'ucan/dlg@1.0.0-rc.1' })) },
      'in reverse': { ...tagged('ucan/inv@1.0.0'), context: { options: { accept: ['1.0.0-rc.1'] } } },
    }),
    ...refused('kind-confused', 'TOK-01', 'malformed', {
      'a delegation under the tag of an invocation': {
        tokens: [delegation({ from: owner, to: service, tag: 'ucan/inv@1.0.0' })],
      },
      'an invocation under the tag of a delegation': {
        tokens: chain(invocation({ by: owner, aud: planner, tag: 'ucan/dlg@1.0.0' })),
      },
    }),
  ]
}

/** Every required field omitted, one by one; and unknown fields, at every level. */
function fieldVectors(): readonly Vector[] {
  const without = (
    make: (fields: Record<string, undefined>) => readonly Token[],
    names: readonly string[],
    kind: string,
  ) =>
    Object.fromEntries(
      names.map((name): [string, Hostile] => [`${name} of ${kind}`, { tokens: make({ [name]: undefined }) }]),
    )
  const call = (fields: Readonly<Record<string, Value | undefined>>): readonly Token[] => [
    invocation({ by: owner, fields }),
  ]
  const grant = (fields: Readonly<Record<string, Value | undefined>>): readonly Token[] =>
    chain(delegation({ from: owner, to: planner, fields }))
  return [
    ...refused('field-missing', 'TOK-01', 'malformed', {
      ...without(call, ['iss', 'sub', 'cmd', 'args', 'prf', 'nonce', 'exp'], 'an invocation'),
      ...without(grant, ['iss', 'aud', 'sub', 'cmd', 'pol', 'nonce', 'exp'], 'a delegation'),
    }),
    ...refused('field-unknown', 'TOK-02', 'malformed', {
      'in an invocation': { tokens: call({ x: 1 }) },
      'in a delegation': { tokens: grant({ x: 1 }) },
      'null in a delegation': { tokens: grant({ x: null }) },
      'a name in upper case': { tokens: grant({ EXP: 1 }) },
      'a name that every object has': { tokens: grant({ constructor: 1 }) },
      'an empty name': { tokens: grant({ '': 1 }) },
      'proofs in a delegation': { tokens: grant({ prf: [] }) },
      'arguments in a delegation': { tokens: grant({ args: {} }) },
      'a policy in an invocation': { tokens: call({ pol: [] }) },
      'facts of UCAN 0.9 in a delegation': { tokens: grant({ fct: {} }) },
      'caveats of UCAN 0.9 in a delegation': { tokens: grant({ nb: { max: 1 } }) },
      'a limit that somebody else would obey': { tokens: grant({ uses: 1 }) },
      'a key in an invocation': { tokens: call({ kid: owner.did }) },
    }),
  ]
}

/** Fields of the wrong type. */
function fieldTypes(): readonly Vector[] {
  const call = (fields: Readonly<Record<string, Value>>): Hostile => ({ tokens: [invocation({ by: owner, fields })] })
  const grant = (fields: Readonly<Record<string, Value>>): Hostile => ({
    tokens: chain(delegation({ from: owner, to: planner, fields })),
  })
  const root = delegation({ from: owner, to: planner })
  const digest = sha256(root.bytes)
  const used = (prf: Value): Hostile => ({ tokens: [invocation({ by: planner, fields: { prf } }), root] })
  const proof = (cid: Uint8Array): Hostile => used([link(cid)])
  return [
    ...refused('principal-not-text', 'TOK-03', 'malformed', {
      'a number as issuer': call({ iss: 1 }),
      'bytes as issuer': call({ iss: concat([fromHex(codes.Ed25519), owner.publicKey]) }),
      'null as subject of an invocation': call({ sub: null }),
      'a list as audience': call({ aud: [service.did, otherService.did] }),
      'null as audience of an invocation': call({ aud: null }),
      'null as audience of an invocation, whose subject is the service': {
        tokens: [invocation({ by: service, sub: service, fields: { aud: null } })],
        context: { subjects: [service.did] },
      },
      'null as audience of a delegation': grant({ aud: null }),
      'null as issuer of a delegation': grant({ iss: null }),
      'false as subject of a delegation': grant({ sub: false }),
    }),
    ...refused('command-not-text', 'TOK-04', 'malformed', {
      'a list': call({ cmd: ['mail', 'send'] }),
      null: call({ cmd: null }),
      'null in a delegation': grant({ cmd: null }),
      'bytes in a delegation': grant({ cmd: Uint8Array.of(0x2f) }),
    }),
    ...refused('nonce-type', 'TOK-05', 'malformed', {
      'a text': call({ nonce: 'abcdefghijkl' }),
      null: call({ nonce: null }),
      '65 bytes': call({ nonce: new Uint8Array(65) }),
      '65 bytes in a delegation': grant({ nonce: new Uint8Array(65) }),
      'a text in a delegation': grant({ nonce: 'abcdefghijkl' }),
    }),
    ...refused('time-type', 'TIM-01', 'malformed', {
      'a fraction as expiry': call({ exp: 1_800_000_000.5 }),
      'a text as expiry': call({ exp: '1800000060' }),
      'true as expiry': call({ exp: true }),
      'a list as expiry': call({ exp: [1_800_000_060] }),
      'a fraction as expiry of a delegation': grant({ exp: 1_800_000_000.5 }),
      'a text as expiry of a delegation': grant({ exp: 'never' }),
      'false as expiry of a delegation': grant({ exp: false }),
      'a fraction below the first instant': grant({ exp: -0.5 }),
      'null as start': grant({ nbf: null }),
      'a text as start': grant({ nbf: '0' }),
      'a fraction as start': grant({ nbf: 0.5 }),
      'null as start of an invocation': call({ nbf: null }),
      'a fraction as time of issue': call({ iat: 1.5 }),
      'null as time of issue': call({ iat: null }),
    }),
    ...refused('meta-type', 'TOK-06', 'malformed', {
      'a list': call({ meta: [] }),
      null: call({ meta: null }),
      'a text in a delegation': grant({ meta: 'x' }),
      'null in a delegation': grant({ meta: null }),
    }),
    ...refused('meta-empty', 'TOK-07', 'malformed', {
      'in an invocation': call({ meta: {} }),
      'in a delegation': grant({ meta: {} }),
    }),
    ...refused('arguments-type', 'TOK-08', 'malformed', {
      'a list': call({ args: [] }),
      null: call({ args: null }),
      bytes: call({ args: encode({}) }),
      'a link': call({ args: link(cidOf(encode({}))) }),
    }),
    ...refused('audience-redundant', 'TOK-09', 'malformed', {
      'the subject': {
        tokens: [invocation({ by: owner, aud: owner })],
        context: { audience: owner.did },
      },
      'the subject, which is the service': {
        tokens: [invocation({ by: service, sub: service, aud: service })],
        context: { subjects: [service.did] },
      },
    }),
    ...refused('proofs-type', 'TOK-10', 'malformed', {
      'a map': call({ prf: {} }),
      null: call({ prf: null }),
      'one link': used(linkTo(root)),
    }),
    ...refused('link-of-another-kind', 'TOK-11', 'malformed', {
      'text as proof': used([cidText(root)]),
      'null as proof': call({ prf: [null] }),
      'the token itself as proof': used([root.bytes]),
      'bytes of the link as proof': used([cidOf(root.bytes)]),
      'version 0': proof(concat([fromHex('1220'), digest])),
      'raw codec': proof(concat([fromHex('01 55 12 20'), digest])),
      'codec of dag-json': proof(concat([fromHex('01 a902 12 20'), digest])),
      'codec of dag-pb': proof(concat([fromHex('01 70 12 20'), digest])),
      'SHA-512': proof(concat([fromHex('01 71 13 40'), digest, digest])),
      'SHA-256, cut': proof(concat([fromHex('01 71 12 14'), digest.slice(0, 20)])),
      BLAKE3: proof(concat([fromHex('01 71 1e 20'), digest])),
      'double SHA-256': proof(concat([fromHex('01 71 56 20'), digest])),
      'identity, of a short text': proof(concat([fromHex('01 71 00 05'), digest.slice(0, 5)])),
      'identity, of 32 bytes': proof(concat([fromHex('01 71 00 20'), digest])),
      'the raw codec for the cause': call({ cause: link(concat([fromHex('01 55 12 20'), digest])) }),
      'text for the cause': call({ cause: 'bafyreigyftnzjf4rcu7glp5kfop53vqlopc3zcldauoqdxqlz7t4343gr4' }),
    }),
  ]
}

const owner256 = principal('owner on P-256', 'ES256')
const ownerK1 = principal('owner on secp256k1', 'ES256K')

/** A call by the planner through one delegation. */
function chain(grant: Token, sub: { readonly did: string } = owner): readonly Token[] {
  return [invocation({ by: planner, sub, prf: [grant] }), grant]
}

/** A call by the owner with another signature. */
function signedAs(signature: Uint8Array): Token {
  const call = invocation({ by: owner })
  return { ...call, bytes: envelope(signature, call.signed) }
}
