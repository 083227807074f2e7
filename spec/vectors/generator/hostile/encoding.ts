/**
 * DAG-CBOR that is not canonical, inside of tokens that are signed by whom they should be.
 *
 * @module
 */

import { concat, encode, fromHex, head, mapInOrder, type Raw, raw, type Value } from '../cbor.ts'
import { packedText } from '../container.ts'
import { owner, planner } from '../principals.ts'
import { cidOf, delegation, envelope, invocation, type Token, time } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function encodingVectors(): readonly Vector[] {
  return [
    ...refused('number-not-minimal', 'CBR-03', 'malformed', {
      ...inArguments({
        '1 in two bytes': '18 01',
        '23 in two bytes': '18 17',
        '1 in three bytes': '19 0001',
        '255 in three bytes': '19 00ff',
        '1 in five bytes': '1a 00000001',
        '1 in nine bytes': '1b 0000000000000001',
        '-1 in two bytes': '38 00',
        'length of a text in two bytes': '78 01 61',
        'length of a byte string in three bytes': '59 0001 00',
        'length of a list in two bytes': '98 01 01',
        'size of a map in two bytes': 'b8 01 6161 01',
        'size of an empty map in five bytes': 'ba 00000000',
        'tag of a link in three bytes': raw('d9002a', encode(concat([Uint8Array.of(0), someCid]))),
      }),
      'in the literal of a policy': { tokens: chainWith({ pol: [['==', '.to', raw('78 01 61')]] }) },
      'in the head of the payload': {
        tokens: [
          invocation({
            by: owner,
            body: (h, payload) => ({ h, 'ucan/inv@1.0.0': raw('b8 08', encode(payload).slice(1)) }),
          }),
        ],
      },
      'in the head of the envelope': { tokens: [unsigned((call) => concat([fromHex('98 02'), call.bytes.slice(1)]))] },
      'in the head of the signature': {
        tokens: [unsigned((call) => concat([fromHex('82 59 0040'), call.bytes.slice(3)]))],
      },
      'in the time of expiry, after it was signed': {
        tokens: [
          unsigned((call) =>
            replace(
              call.bytes,
              concat([encode('exp'), encode(time + 60)]),
              concat([encode('exp'), head(0, time + 60, 8)]),
            ),
          ),
        ],
      },
    }),
    ...refused('map-keys-out-of-order', 'CBR-04', 'malformed', {
      ...inArguments({
        'the longer first': mapInOrder([
          ['aa', 1],
          ['b', 2],
        ]),
        'bytewise the later first': mapInOrder([
          ['b', 1],
          ['a', 2],
        ]),
        'in the order of JSON Canonicalization': mapInOrder([
          ['a', 1],
          ['bb', 2],
          ['c', 3],
        ]),
      }),
      'fields of the payload': {
        tokens: [invocation({ by: owner, body: (h, payload) => ({ h, 'ucan/inv@1.0.0': reversed(payload) }) })],
      },
      'the type tag before the header': {
        tokens: [
          invocation({
            by: owner,
            body: (h, payload) =>
              mapInOrder([
                ['ucan/inv@1.0.0', payload],
                ['h', h],
              ]),
          }),
        ],
      },
      'put into order by who checks, after it was signed': {
        tokens: [unsigned((call) => replace(call.bytes, encode({ a: 1, b: 2 }), fromHex('a2 6162 02 6161 01')))],
      },
    }),
    ...refused('map-key-twice', 'CBR-05', 'malformed', {
      ...inArguments({
        'with one value': mapInOrder([
          ['a', 1],
          ['a', 1],
        ]),
        'with two values': mapInOrder([
          ['a', 1],
          ['a', 2],
        ]),
      }),
      'the recipient': {
        tokens: [
          invocation({
            by: owner,
            args: mapInOrder([
              ['to', 'bob@example.com'],
              ['to', 'eve@evil.example'],
            ]),
          }),
        ],
      },
      'the command': {
        tokens: [
          invocation({
            by: owner,
            body: (h, payload) => ({
              h,
              'ucan/inv@1.0.0': withTwo(payload, 'cmd', '/mail/delete'),
            }),
          }),
        ],
      },
    }),
    ...refused('map-key-not-text', 'CBR-06', 'malformed', {
      ...inArguments({
        'a number': 'a1 01 01',
        bytes: 'a1 4161 01',
        null: 'a1 f6 01',
        'a list': 'a1 80 01',
      }),
    }),
    ...refused('map-key-proto', 'CBR-07', 'malformed', {
      ...inArguments({
        'with a map': mapInOrder([['__proto__', { role: 'admin' }]]),
        deeper: { a: mapInOrder([['__proto__', 1]]) },
      }),
      'as an argument': {
        tokens: [invocation({ by: owner, args: mapInOrder([['__proto__', { to: 'eve@evil.example' }]]) })],
      },
      'in meta': { tokens: chainWith({ meta: mapInOrder([['__proto__', 1]]) }) },
      'in the literal of a policy': { tokens: chainWith({ pol: [['==', '.to', mapInOrder([['__proto__', 1]])]] }) },
    }),
    ...refused('text-not-utf8', 'CBR-08', 'malformed', {
      ...inArguments({
        'a byte that begins nothing': '61 ff',
        'NUL in two bytes': '62 c080',
        'a surrogate': '63 eda080',
        'a pair of surrogates': '66 eda081 edb080',
        'a character that ends early': '62 e6b0',
        'a byte that only goes on': '61 80',
        'a character beyond the last': '64 f4908080',
        'in a key': 'a1 61ff 01',
      }),
      'in the command': { tokens: [invocation({ by: owner, fields: { cmd: raw('66 2f6d61696cff') } })] },
    }),
    ...refused('length-indefinite', 'CBR-09', 'malformed', {
      ...inArguments({
        'of a list': '9f 01 ff',
        'of a map': 'bf 6161 01 ff',
        'of a text': '7f 6161 ff',
        'of a byte string': '5f 4101 ff',
        'reserved, of a number': '1c',
        'reserved, of a text': '7e',
      }),
      'of the envelope': { tokens: [unsigned((call) => concat([fromHex('9f'), call.bytes.slice(1), fromHex('ff')]))] },
      'of the proofs': { tokens: [invocation({ by: owner, fields: { prf: raw('9f ff') } })] },
    }),
    ...refused('float-not-of-64-bits', 'CBR-10', 'malformed', {
      ...inArguments({ '1 in 16 bits': 'f9 3c00', 'infinity in 16 bits': 'f9 7c00', '1.5 in 32 bits': 'fa 3fc00000' }),
    }),
    ...refused('float-not-finite', 'CBR-11', 'malformed', {
      ...inArguments({
        infinity: 'fb 7ff0000000000000',
        'minus infinity': 'fb fff0000000000000',
        'not a number': 'fb 7ff8000000000000',
        'not a number, signalling': 'fb 7ff0000000000001',
      }),
      'as the time of expiry': { tokens: [invocation({ by: owner, exp: raw('fb 7ff0000000000000') })] },
    }),
    ...refused('simple-value', 'CBR-12', 'malformed', {
      ...inArguments({
        undefined: 'f7',
        'number 0': 'e0',
        'number 32': 'f8 20',
        'false in two bytes': 'f8 14',
        'a break': 'ff',
      }),
      'undefined as the subject': { tokens: chainWith({ sub: raw('f7') }) },
    }),
    ...refused('tag', 'CBR-13', 'malformed', {
      ...inArguments({
        'of a date': 'c0 6a 323032372d30312d3135',
        'of a large number': 'c2 49 010000000000000000',
        'of a self-described item': 'd9d9f7 01',
        'of an unknown kind': 'd82b 5824 01711220 0000000000000000000000000000000000000000000000000000000000000000',
      }),
    }),
    ...refused('link-malformed', 'CBR-14', 'malformed', {
      ...inArguments({
        'of text': 'd82a 6161',
        'of no bytes': 'd82a 40',
        'of a zero byte alone': 'd82a 41 00',
        'without the zero byte': raw('d82a', encode(someCid)),
        'with bytes after it': raw('d82a', encode(concat([Uint8Array.of(0), someCid, Uint8Array.of(0)]))),
        'with a digest that ends early': raw('d82a', encode(concat([Uint8Array.of(0), someCid.slice(0, -1)]))),
        'with a version that is not minimal': raw('d82a', encode(concat([fromHex('00 8100'), someCid.slice(1)]))),
        'of a link': raw('d82a d82a', encode(concat([Uint8Array.of(0), someCid]))),
      }),
    }),
    ...refused('number-beyond-2-53', 'CBR-15', 'malformed', {
      ...inArguments({
        '2^53': '1b 0020000000000000',
        '2^53 + 1': '1b 0020000000000001',
        '2^64 - 1': '1b ffffffffffffffff',
        '-2^53': '3b 001fffffffffffff',
        '-2^64': '3b ffffffffffffffff',
        '2^53 as a float': 'fb 4340000000000000',
        '1e300 as a float': 'fb 7e37e43c8800759c',
      }),
      'under a policy that asks for less': {
        tokens: chainWith({ pol: [['not', ['>', '.amount', 100]]] }, { amount: raw('1b 0020000000000001') }),
      },
      'as the time of expiry': { tokens: [invocation({ by: owner, exp: raw('1b 0020000000000000') })] },
      'in a policy': { tokens: chainWith({ pol: [['<', '.amount', raw('1b 0020000000000000')]] }) },
    }),
    ...refused('too-deep', 'CBR-16', 'too_large', {
      // The list in an argument begins at the fifth level.
      ...inArguments({
        '33 levels of lists': nested(29),
        '33 levels of maps': nestedMaps(29),
      }),
      '5,000 levels of lists': { container: packedText([callWith(nested(5_000))]) },
      '60,000 levels of lists': { container: packedText([callWith(nested(60_000))]) },
    }),
    ...refused('too-many-items', 'CBR-17', 'too_large', {
      '8,192 elements': { container: packedText([callWith(raw(head(4, 8_192), new Uint8Array(8_192).fill(0xf6)))]) },
      '8,192 empty lists': { container: packedText([callWith(raw(head(4, 8_192), new Uint8Array(8_192).fill(0x80)))]) },
    }),
    ...refused('ends-early', 'CBR-02', 'malformed', {
      'no byte at all': { tokens: [{ ...nobody, bytes: new Uint8Array() }] },
      'the head of the envelope alone': { tokens: [{ ...nobody, bytes: Uint8Array.of(0x82) }] },
      'the last byte is missing': { tokens: [unsigned((call) => call.bytes.slice(0, -1))] },
      'half of it is missing': { tokens: [unsigned((call) => call.bytes.slice(0, call.bytes.length / 2))] },
      ...inArguments({
        'a list of 2^32 - 1': '9a ffffffff',
        'a list of 2^32': '9b 0000000100000000',
        'a map of 2^31': 'ba 80000000',
        'a text of 2^32 - 1': '7a ffffffff',
        'a byte string of 2^53 - 1': '5b 001fffffffffffff',
        'a list of 2^64 - 1': '9b ffffffffffffffff',
      }),
    }),
    ...refused('bytes-after', 'CBR-01', 'malformed', {
      'a zero byte': { tokens: [unsigned((call) => concat([call.bytes, Uint8Array.of(0)]))] },
      'a break': { tokens: [unsigned((call) => concat([call.bytes, Uint8Array.of(0xff)]))] },
      'the token once more': { tokens: [unsigned((call) => concat([call.bytes, call.bytes]))] },
    }),
    ...refused('envelope-of-another-kind', 'CBR-22', 'malformed', {
      'a map': { tokens: [unsigned((call) => encode({ payload: raw(call.signed), signature: call.signature }))] },
      'a byte string': { tokens: [unsigned((call) => encode(call.bytes))] },
      null: { tokens: [{ ...nobody, bytes: Uint8Array.of(0xf6) }] },
      'a signature of text': { tokens: [unsigned((call) => envelope('signature', call.signed))] },
      'a signature that is null': { tokens: [unsigned((call) => envelope(null, call.signed))] },
    }),
  ]
}

const nobody: Token = { bytes: new Uint8Array(), signed: new Uint8Array(), signature: new Uint8Array() }

const someCid: Uint8Array = cidOf(new Uint8Array(32))

/** One invocation by the owner for each item, with it as the argument `x`. */
function inArguments(items: Readonly<Record<string, string | Value>>): Readonly<Record<string, Hostile>> {
  return Object.fromEntries(
    Object.entries(items).map(([name, item]) => [
      name,
      { tokens: [callWith(typeof item === 'string' ? raw(item) : item)] },
    ]),
  )
}

function callWith(x: Value): Token {
  return invocation({ by: owner, args: mapInOrder([['x', x]]) })
}

/** A call through one delegation with these fields. */
function chainWith(fields: Readonly<Record<string, Value>>, args: Value = { to: 'bob@example.com' }): readonly Token[] {
  const grant = delegation({ from: owner, to: planner, fields })
  return [invocation({ by: planner, args, prf: [grant] }), grant]
}

/** A good token that somebody else changed, without signing it again. */
function unsigned(change: (call: Token) => Uint8Array): Token {
  const call = invocation({ by: owner, args: { a: 1, b: 2 } })
  return { ...call, bytes: change(call) }
}

function nested(levels: number): Raw {
  return raw(new Uint8Array(levels - 1).fill(0x81), '80')
}

function nestedMaps(levels: number): Raw {
  return raw(...Array.from({ length: levels - 1 }, () => 'a1 6161'), 'a0')
}

function replace(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf(from)
  return concat([bytes.slice(0, at), to, bytes.slice(at + from.length)])
}

/** The map with its keys the other way round. */
function reversed(map: Value): Raw {
  return mapInOrder(entriesOf(map).reverse())
}

/** The map with one more entry of a key it has, behind it. */
function withTwo(map: Value, key: string, value: Value): Raw {
  return mapInOrder(entriesOf(map).flatMap((entry) => (entry[0] === key ? [entry, [key, value]] : [entry])))
}

/** Entries in canonical order; the keys of a payload are ASCII. */
function entriesOf(map: Value): (readonly [string, Value])[] {
  const entries = Object.entries(map as Readonly<Record<string, Value>>)
  return entries.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
}
