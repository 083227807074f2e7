/**
 * Invalid containers, and containers in another spelling.
 *
 * @module
 */

import { concat, encode, fromHex, mapInOrder, raw, utf8, type Value } from '../cbor.ts'
import { base64, base64url, bytesOf, type Container, contents, contentsOf, textOf } from '../container.ts'
import { crc32, deflate, gzip, gzipHead, littleEndian } from '../gzip.ts'
import { mailer, owner, planner } from '../principals.ts'
import { cidText, delegation, invocation, type Token } from '../token.ts'
import { type Hostile, type Options, refused, type Vector } from '../vector.ts'

/** All of them. */
export function containerVectors(): readonly Vector[] {
  return [...headerVectors(), ...baseVectors(), ...gzipVectors(), ...structureVectors(), ...limitVectors()]
}

function headerVectors(): readonly Vector[] {
  return [
    ...refused('container-header', 'CTN-01', 'unsupported', {
      'nothing at all': { container: '' },
      'no byte at all': { container: { bytes: '' } },
      'of no known encoding': { container: `A${body}` },
      'in lower case': { container: `c${body}` },
      'after a space': { container: ` C${body}` },
      'after a line end': { container: `\nC${body}` },
      'after a byte order mark': { container: `\ufeffC${body}` },
      'of multibase (u)': { container: `u${body}` },
      'a full-width letter': { container: `\uff23${body}` },
      'left out': { container: { bytes: base64url(contents(tokens)) } },
      'of 0x00': { container: bytesOf('\u0000', contents(tokens)) },
      'of a token without container': { container: { bytes: base64url(call.bytes) } },
      'of JSON': { container: JSON.stringify({ 'ctn-v1': tokens.map(({ bytes }) => base64(bytes)) }) },
      'of a JSON Web Token': { container: jsonWebToken() },
    }),
    ...refused('container-raw-as-text', 'CTN-02', 'malformed', {
      plain: { container: `@${latin1(contents(tokens))}` },
      compressed: { container: `M${latin1(gzip(contents(tokens)))}` },
      'compressed, other letter': { container: `D${latin1(gzip(contents(tokens)))}` },
    }),
  ]
}

/** Other spellings of one container. It is made so that its base64 has a last group that is not full. */
function baseVectors(): readonly Vector[] {
  const padded = base64(contents(tokens))
  return refused('container-base', 'ENC-01', 'malformed', {
    'base64url with padding': { container: `C${body}=` },
    'base64url with too much padding': { container: `C${body}==` },
    'base64url with the alphabet of base64': { container: `C${base64(contents(mixed)).replaceAll('=', '')}` },
    'base64url with one character too many': { container: `${textOf(padTo(0))}A` },
    'base64url with two characters too many': { container: `C${body}AA` },
    'base64url with bits left over': { container: `C${body.slice(0, -1)}${nextLetter(body)}` },
    'base64url with a space': { container: `C${body.slice(0, 40)} ${body.slice(40)}` },
    'base64url with a line end after it': { container: `C${body}\n` },
    'base64url with NUL': { container: `C${body}\u0000` },
    'base64url with an unknown character': { container: `C${body.slice(0, 40)}*${body.slice(41)}` },
    'base64url with a letter beyond ASCII': { container: `C${body.slice(0, 40)}\u0410${body.slice(41)}` },
    'base64url that came as bytes, with the top bit set': {
      container: { bytes: base64url(utf8(`C${body}`).map((byte, at) => (at === 40 ? byte | 0x80 : byte))) },
    },
    'base64, from the scheme of a header': { container: `Bearer C${body}` },
    'base64 without padding': { container: `B${padded.replaceAll('=', '')}` },
    'base64 with more padding': { container: `B${padded}=` },
    'base64 with a whole group of padding': { container: `B${padded}====` },
    'base64 with padding within': { container: `B${padded.slice(0, 2)}==${padded.slice(4)}` },
    'base64 with the alphabet of base64url': { container: `B${Buffer.from(contents(mixed)).toString('base64url')}==` },
    'base64 in lines': { container: `B${padded.replaceAll(/(.{76})/g, '$1\r\n')}` },
  })
}

function gzipVectors(): readonly Vector[] {
  const packed = gzip(contents(tokens))
  const empty = gzip(new Uint8Array())
  const half = contents(tokens).length >> 1
  const under = (bytes: Uint8Array): Hostile => ({ container: `P${base64url(bytes)}` })
  return [
    ...refused('container-gzip', 'CTN-03', 'malformed', {
      'not compressed at all': under(contents(tokens)),
      nothing: under(new Uint8Array()),
      'the head alone': under(gzipHead),
      'the last byte is missing': under(packed.slice(0, -1)),
      'the last eight bytes are missing': under(packed.slice(0, -8)),
      'half of it is missing': under(packed.slice(0, packed.length >> 1)),
      'a zero byte after it': under(concat([packed, Uint8Array.of(0)])),
      'its last eight bytes once more': under(concat([packed, packed.slice(-8)])),
      'a second, empty member after it': under(concat([packed, empty])),
      'a second member, broken': under(concat([packed, gzipHead])),
      'an empty member before it': under(concat([empty, packed])),
      'in two members': under(concat([gzip(contents(tokens).slice(0, half)), gzip(contents(tokens).slice(half))])),
      'a wrong check sum': under(changed(packed, packed.length - 8)),
      'a wrong length': under(changed(packed, packed.length - 4)),
      'a wrong magic number': under(changed(packed, 0)),
      'an unknown method': under(changed(packed, 2)),
      'deflate without a frame': under(deflate(contents(tokens))),
      'the frame of zlib': under(concat([fromHex('7801'), deflate(contents(tokens)), fromHex('00000000')])),
      'a block of a reserved kind': under(concat([gzipHead, Uint8Array.of(0x07), new Uint8Array(8)])),
      'as bytes, a zero byte after it': { container: bytesOf('M', concat([packed, Uint8Array.of(0)])) },
      'in base64, a zero byte after it': { container: `O${base64(concat([packed, Uint8Array.of(0)]))}` },
    }),
    ...refused('container-gzip-under-plain-header', 'CBR-09', 'malformed', {
      base64url: { container: `C${base64url(packed)}` },
    }),
    ...refused('container-bomb', 'LIM-02', 'too_large', {
      'one byte too long': under(gzip(new Uint8Array(262_145))),
      '1 MiB of zeros': under(gzip(new Uint8Array(2 ** 20))),
      'that says it is short': under(lyingGzip(new Uint8Array(2 ** 20), 100)),
      'as bytes': { container: bytesOf('M', gzip(new Uint8Array(262_145))) },
      'with the other letter': { container: `F${base64url(gzip(new Uint8Array(262_145)))}` },
    }),
  ]
}

function structureVectors(): readonly Vector[] {
  const item = (value: Value): Hostile => ({ container: `C${base64url(encode(value))}` })
  const all = tokens.map(({ bytes }) => bytes)
  return [
    ...refused('container-structure', 'CTN-04', 'malformed', {
      'a list': item(all),
      'a token': item(all[0] as Uint8Array),
      'an empty map': item({}),
      'another version': item({ 'ctn-v2': all }),
      'a key in upper case': item({ 'CTN-V1': all }),
      'one more key': item({ 'ctn-v1': all, x: 1 }),
      'two versions': item({ 'ctn-v1': all, 'ctn-v2': all }),
      'tokens under the CIDs they are said to have': item({
        'ctn-v1': Object.fromEntries(tokens.map((token) => [cidText(token), token.bytes])),
      }),
      'one byte string': item({ 'ctn-v1': all[0] as Uint8Array }),
      null: item({ 'ctn-v1': null }),
    }),
    ...refused('container-element', 'CTN-05', 'malformed', {
      'a text': item(contentsValue([...all, 'token'])),
      'a token in base64': item(contentsValue(all.map(base64))),
      null: item(contentsValue([...all, null])),
      'a number': item(contentsValue([1, ...all])),
    }),
    ...refused('container-not-canonical', 'CBR-09', 'malformed', {
      'a list of indefinite length': item(raw('a1 66 63746e2d7631 9f', ...all.map(encode), 'ff')),
    }),
    ...refused('container-not-minimal', 'CBR-03', 'malformed', {
      'the number of tokens': item(raw('a1 66 63746e2d7631 98 02', ...all.map(encode))),
      'the length of a token': item(raw('a1 66 63746e2d7631 81 5a 00000001 00')),
    }),
    ...refused('container-key-twice', 'CBR-05', 'malformed', {
      'with the same tokens': item(
        mapInOrder([
          ['ctn-v1', []],
          ['ctn-v1', all],
        ]),
      ),
    }),
    ...refused('container-bytes-after', 'CBR-01', 'malformed', {
      'a zero byte': { container: `C${base64url(concat([contents(tokens), Uint8Array.of(0)]))}` },
      'another container': { container: bytesOf('@', concat([contents(tokens), contents(tokens)])) },
      'all of it, behind a second header': { container: `CC${body}` },
    }),
    ...refused('container-ends-early', 'CBR-02', 'malformed', {
      'nothing after the header': { container: 'C' },
      'nothing after the header, as bytes': { container: bytesOf('@', new Uint8Array()) },
      'the last byte is missing': { container: `C${base64url(contents(tokens).slice(0, -1))}` },
      'a list of 2^32 - 1 tokens': item(raw('a1 66 63746e2d7631 9a ffffffff')),
      'a token of 2^32 - 1 bytes': item(raw('a1 66 63746e2d7631 81 5a ffffffff')),
    }),
    ...refused('invocation-missing', 'CTN-07', 'invocation_missing', {
      'no token': item({ 'ctn-v1': [] }),
      'one delegation': { tokens: [grant] },
      'two delegations': { tokens: [grant, delegation({ from: planner, to: mailer })] },
    }),
    ...refused('invocation-twice', 'CTN-06', 'invocation_ambiguous', {
      'the same': { tokens: [call, call, grant] },
      'of the same task': { tokens: [call, invocation({ by: planner, prf: [grant], exp: 1_800_000_030 }), grant] },
      'of another command': { tokens: [call, invocation({ by: planner, cmd: '/mail/delete', prf: [grant] }), grant] },
      'by another': { tokens: [call, grant, invocation({ by: owner })] },
    }),
  ]
}

function limitVectors(): readonly Vector[] {
  const limited = (bounds: Options['bounds'] & object, container: Container): Hostile => ({
    container,
    context: { options: { bounds } },
  })
  const size = contents(tokens).length
  const two = delegation({ from: planner, to: mailer })
  const long = invocation({ by: mailer, prf: [grant, two] })
  return [
    ...refused('container-too-long', 'LIM-01', 'too_large', {
      'as text': limited({ containerBytes: 100 }, textOf(tokens)),
      'as bytes': limited({ containerBytes: 100 }, bytesOf('@', contents(tokens))),
      'compressed, before inflating': limited({ containerBytes: 100 }, `P${base64url(gzip(contents(tokens)))}`),
    }),
    ...refused('container-too-long-decoded', 'ENC-02', 'too_large', {
      'by one byte': limited({ containerBytes: size - 1 }, textOf(tokens)),
    }),
    ...refused('container-too-long-inflated', 'LIM-02', 'too_large', {
      'by one byte': limited(
        { containerBytes: contents(repetitive).length - 1 },
        `P${base64url(gzip(contents(repetitive)))}`,
      ),
    }),
    ...refused('token-too-long', 'CBR-18', 'too_large', {
      'by one byte': limited({ tokenBytes: (tokens[0] as Token).bytes.length - 1 }, textOf(tokens)),
      'by default': { container: `P${base64url(gzip(contentsOf([new Uint8Array(65_537)])))}` },
    }),
    ...refused('too-many-tokens', 'CBR-17', 'too_large', {
      'by one': limited({ tokens: 1 }, textOf(tokens)),
      'by default, of no bytes': {
        container: `C${base64url(contentsOf(Array.from({ length: 65 }, () => new Uint8Array())))}`,
      },
    }),
    ...refused('too-many-proofs', 'LIM-04', 'chain_too_long', {
      'by one': limited({ proofs: 1 }, textOf([long, grant, two])),
      'by default': { tokens: [invocation({ by: owner, prf: Array.from({ length: 17 }, () => toSelf) }), toSelf] },
    }),
    ...refused('token-too-deep', 'CBR-16', 'too_large', {
      'by one level': limited({ depth: 3 }, textOf(tokens)),
    }),
    ...refused('token-of-too-many-items', 'CBR-17', 'too_large', {
      'by far': limited({ items: 8 }, textOf(tokens)),
    }),
  ]
}

const grant = delegation({ from: owner, to: planner })
const toSelf = delegation({ from: owner, to: owner })
const call = invocation({ by: planner, prf: [grant] })
const tokens = padTo(2)
const body = base64url(contents(tokens))
/** Tokens that are shorter when they are compressed. */
const repetitive = [invocation({ by: planner, prf: [grant], args: { to: 'x'.repeat(4_000) } }), grant]
/** Tokens whose base64 has characters in which the two alphabets differ. */
const mixed = [
  invocation({ by: planner, prf: [grant], args: { x: Uint8Array.of(0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff) } }),
  grant,
]

/** The call and its proof, with an argument that extends the contents to `rest` beyond a multiple of three. */
function padTo(rest: number): readonly Token[] {
  for (let length = 0; ; length++) {
    const padded = [invocation({ by: planner, prf: [grant], args: { to: 'x'.repeat(length) } }), grant]
    if (contents(padded).length % 3 === rest) return padded
  }
}

function contentsValue(items: Value): Value {
  return { 'ctn-v1': items }
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
}

/** A member whose last bytes name another length. */
function lyingGzip(content: Uint8Array, length: number): Uint8Array {
  return concat([gzipHead, deflate(content), littleEndian(crc32(content)), littleEndian(length)])
}

/** The next letter of base64url: it differs in the lowest of the bits that no byte takes. */
function nextLetter(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1] as string
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** A UCAN of the time of JSON Web Tokens, with the same meaning. */
function jsonWebToken(): string {
  const part = (value: object): string => base64url(utf8(JSON.stringify(value)))
  const signed = `${part({ alg: 'EdDSA', typ: 'JWT', ucv: '0.9.1' })}.${part({ iss: owner.did, aud: planner.did, att: [] })}`
  return `${signed}.${base64url(owner.sign(utf8(signed)))}`
}
