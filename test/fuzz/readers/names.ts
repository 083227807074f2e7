// node only: uses node:zlib
/**
 * Readers of names, keys, documents and encoded bytes.
 *
 * @module
 */

import { gzipSync } from 'node:zlib'
import { varint } from 'multiformats'
import { base58btc } from 'multiformats/bases/base58'
import { isCommand, parseCommand } from '../../../src/core/capability/command.ts'
import { isDid, parseDid } from '../../../src/core/did/did.ts'
import { didKeyFrom, parseDidKey } from '../../../src/core/did/did-key.ts'
import { webResolver } from '../../../src/core/did/did-web.ts'
import { fromDidResolver } from '../../../src/core/did/from-did-resolver.ts'
import { isPublicAddress } from '../../../src/core/did/public-address.ts'
import { keysOf } from '../../../src/core/did/resolver.ts'
import { decodeBase64, decodeBase64url, encodeBase64, encodeBase64url } from '../../../src/core/ipld/base.ts'
import { isTokenCidAt } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { parseCid } from '../../../src/core/ipld/parse-cid.ts'
import { decodeShortBase58 } from '../../../src/core/ipld/short-base58.ts'
import { decodeShortText, latin1Of32 } from '../../../src/core/ipld/short-text.ts'
import { isCid } from '../../../src/core/ipld/value.ts'
import { decodeVarint } from '../../../src/core/ipld/varint.ts'
import { importSigner } from '../../../src/core/principal/import-signer.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../../../src/errors.ts'
import { gunzip } from '../../../src/support/platform/gunzip.ts'
import * as onNode from '../../../src/support/platform/node.ts'
import * as onWeb from '../../../src/support/platform/web.ts'
import { absentIssuer } from '../../../src/ucanto/new-token.ts'
import { cast } from '../../property/cast.ts'
import { encodeCanonical } from '../../reference/cbor.ts'
import { hostileTokens } from '../containers.ts'
import { mutateBytes, mutateText, mutateValue, oddIpld, oddJson } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const dids = [
  ...cast.map(({ did }) => did),
  'did:web:example.com',
  'did:web:example.com%3A8443:a:b',
  'did:mailto:example.com:alice',
]
const hostileDid = (random: Random): string => mutateText(random.pick(dids), random)
const commands = ['/', '/mail', '/mail/send', '/mail/send/now', '/a_b/c-d/0']
const cids = [
  'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
  'zdpuAyvkgEDQm9TenwGkd5eNaosSxjgEYd8QatfPetgB1CdEZ',
  'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
]
const base64 = ['', 'AA==', 'AAA=', 'AAAA', 'q83v', '+/+/', '-_-_']
const did = parseDid('did:web:example.com')

/** The parts of a JWK of each kind. */
const jwks: readonly unknown[] = [
  {
    kty: 'OKP',
    crv: 'Ed25519',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  },
  {
    kty: 'EC',
    crv: 'P-256',
    x: '18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM',
    y: '-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA',
    d: 'gPh-VvVS8MbvKQ9LSVVmfnxnKjHn4Tqj0bmbpehRlpc',
  },
]
const pkcs8 = [
  Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), new Uint8Array(32).fill(7)]),
  Buffer.concat([
    Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex'),
    new Uint8Array(32).fill(7),
  ]),
]

/** DID documents of every form of key. */
const documents: readonly unknown[] = [
  {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: did,
    verificationMethod: [
      { id: '#a', type: 'Multikey', controller: did, publicKeyMultibase: cast[0]?.did.slice('did:key:'.length) },
      { id: `${did}#b`, type: 'JsonWebKey', controller: did, publicKeyJwk: jwks[1] },
      {
        id: '#c',
        type: 'Ed25519VerificationKey2018',
        controller: did,
        publicKeyBase58: 'B12NYF8RrR3h41TDCTJojY59usg3mbtbjnFs7Eud1Y6u',
      },
    ],
    capabilityInvocation: [
      '#a',
      `${did}#b`,
      '#c',
      { id: '#d', type: 'Multikey', controller: did, publicKeyMultibase: cast[5]?.did.slice(8) },
    ],
    capabilityDelegation: ['#a', '#b', `${did}#c`],
  },
]

function hostileDocument(random: Random): string {
  const text = JSON.stringify(mutateValue(random.pick(documents), random, oddJson)) ?? 'null'
  return random.once(6) ? mutateText(text, random) : text
}

/** A gzip member with a fault, or with unusual blocks. */
function hostileGzip(random: Random): Uint8Array {
  const content = random.once(3)
    ? random.bytes(random.below(300))
    : Buffer.from('a container of text '.repeat(random.below(200)))
  const member = gzipSync(content, { level: random.below(10), strategy: random.below(5) })
  return random.once(6) ? member : mutateBytes(member, random)
}

/** Both ways to inflate give the same bytes, or refuse: of two reasons either may be the one. */
async function inflateTwice(bytes: Uint8Array): Promise<string | undefined> {
  const [node, web] = [onNode.gunzip(bytes, 3_000), await gunzip(bytes, 3_000)]
  const [one, other] = [node, web].map((found) =>
    typeof found === 'string' ? 'refused' : Buffer.from(found).toString('hex'),
  )
  return one === other ? undefined : `${String(one).slice(0, 80)} in Node, ${String(other).slice(0, 80)} elsewhere`
}

const decodeTwice = (text: string): string | undefined => {
  for (const alphabet of ['base64', 'base64url'] as const) {
    const [node, web] = [onNode, onWeb].map(({ decode }) => String(decode(text, alphabet)))
    if (node !== web) return `${node} in Node, ${web} elsewhere`
  }
  return undefined
}

/** The fast reader of base58 and the one of multiformats agree about every text that the fast one accepts. */
const decodeBase58Twice = (text: string): string | undefined => {
  const fast = decodeShortBase58(text)
  if (fast === undefined) return undefined
  const general = base58btc.baseDecode(text)
  return String(fast) === String(general) ? undefined : `${fast} here, ${general} by multiformats`
}

/** The reader of short strings and the strict one of the platform agree about all bytes that the former accepts. */
const decodeShortTwice = (bytes: Uint8Array): string | undefined => {
  const [start, end] = [bytes.length >> 3, bytes.length]
  const short = decodeShortText(bytes, start, end)
  if (short === undefined) return undefined
  const general = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end))
  return short === general ? undefined : `${short} here, ${general} by the platform`
}

/** 32 bytes are the string that Node writes. */
const writeTwice = (bytes: Uint8Array): string | undefined => {
  const padded = Uint8Array.of(...bytes.subarray(0, 32), ...new Uint8Array(32))
  const written = latin1Of32(padded, 0)
  return written === Buffer.from(padded.subarray(0, 32)).toString('latin1') ? undefined : written
}

/** An accepted text is the printed one: there is one spelling. */
function wrongSpelling([given, written]: readonly [string, string]): string | undefined {
  return given === written ? undefined : `is another spelling of ${written}`
}

const shortTexts = [
  '',
  'a',
  'to',
  'exp',
  'cents',
  '/mail/send',
  'nineteen characters',
  'twenty characters ok',
  '\u00e9\ufeff\u{1f600}',
]

const isMalformed = [MalformedError]
const isWrong = [MalformedError, ArgumentError]
const unresolved = [ResolutionError]

/** All of them. */
export const nameReaders: readonly Reader[] = [
  ...['internal/platform-node gunzip', 'internal/platform-web gunzip'].map((of) =>
    reader({ of, input: hostileGzip, read: inflateTwice, errors: [], wrong: (answer: string | undefined) => answer }),
  ),
  ...['internal/platform-node decode', 'internal/platform-web decode'].map((of) =>
    reader({
      of,
      input: (random) => mutateText(random.pick(base64), random),
      read: decodeTwice,
      errors: [],
      wrong: (answer: string | undefined) => answer,
    }),
  ),
  reader({
    of: 'inside decodeShortBase58',
    input: (random) => mutateText(random.pick(dids).slice(9), random),
    read: decodeBase58Twice,
    errors: [],
    wrong: (answer: string | undefined) => answer,
  }),
  reader({
    of: 'inside decodeShortText',
    input: (random) => mutateBytes(new TextEncoder().encode(random.pick(shortTexts)), random),
    read: decodeShortTwice,
    errors: [],
    wrong: (answer: string | undefined) => answer,
  }),
  reader({
    of: 'inside latin1Of32',
    input: (random) => mutateBytes(random.pick(cast).publicKey, random),
    read: writeTwice,
    errors: [],
    wrong: (answer: string | undefined) => answer,
  }),
  reader({ of: 'index parseDid', input: hostileDid, read: parseDid, errors: isMalformed }),
  reader({
    of: 'did isDid',
    input: (random) => (random.once(3) ? oddIpld(random) : hostileDid(random)),
    read: isDid,
    errors: [],
  }),
  reader({ of: 'did parseDidKey', input: hostileDid, read: parseDidKey, errors: isMalformed }),
  reader({
    of: 'did didKeyFrom',
    input: (random) => mutateBytes(random.pick(cast).publicKey, random),
    read: (bytes) => didKeyFrom('ES256', bytes),
    errors: isWrong,
  }),
  reader({ of: 'ucanto absentIssuer', input: hostileDid, read: absentIssuer, errors: isWrong }),
  reader({
    of: 'index parseCommand',
    input: (random) => mutateText(random.pick(commands), random),
    read: parseCommand,
    errors: isMalformed,
  }),
  reader({
    of: 'inside isCommand',
    input: (random) => mutateText(random.pick(commands), random),
    read: isCommand,
    errors: [],
  }),
  reader({
    of: 'inside parseCid',
    input: (random) => mutateText(random.pick(cids), random),
    read: parseCid,
    errors: isMalformed,
  }),
  reader({
    of: 'inside parseCid, of bytes',
    input: (random) => mutateBytes(parseCid(random.pick(cids.slice(0, 2))).bytes, random),
    read: parseCid,
    errors: isMalformed,
  }),
  reader({ of: 'inside isCid', input: oddIpld, read: (value) => isCid(value as never), errors: [] }),
  reader({
    of: 'inside isTokenCidAt',
    input: (random) => mutateBytes(parseCid(cids[0] as string).bytes, random),
    read: (bytes) => isTokenCidAt(bytes, 0, bytes.length),
    errors: [],
  }),
  reader({
    of: 'inside decodeVarint',
    input: (random) => random.bytes(random.below(12)).map((byte) => (random.once(3) ? byte & 0x7f : byte | 0x80)),
    read: (bytes) => {
      const [value, length] = decodeVarint(bytes)
      return [
        Buffer.from(bytes.slice(0, length)).toString('hex'),
        Buffer.from(varint.encodeTo(value, new Uint8Array(varint.encodingLength(value)))).toString('hex'),
      ] as const
    },
    wrong: wrongSpelling,
    errors: isMalformed,
  }),
  reader({
    of: 'inside decodeBase64',
    input: (random) => mutateText(random.pick(base64), random),
    read: (text) => [text, encodeBase64(decodeBase64(text))] as const,
    wrong: wrongSpelling,
    errors: isMalformed,
  }),
  reader({
    of: 'inside decodeBase64url',
    input: (random) => mutateText(random.pick(base64), random),
    read: (text) => [text, encodeBase64url(decodeBase64url(text))] as const,
    wrong: wrongSpelling,
    errors: isMalformed,
  }),
  reader({
    of: 'inside decodeCbor',
    input: (random) => {
      const bytes = random.pick(hostileTokens(random)) ?? encodeCanonical(1)
      return random.once(2) ? mutateBytes(bytes, random) : bytes
    },
    read: (bytes) => decodeCbor(bytes),
    errors: isMalformed,
  }),
  reader({
    of: 'inside keysOf',
    input: (random) => mutateValue({ keys: [{ algorithm: 'Ed25519', bytes: cast[0]?.publicKey }] }, random, oddJson),
    read: (resolved) => keysOf(did, resolved as never),
    errors: unresolved,
  }),
  reader({
    of: 'signer importSigner',
    input: (random) => {
      const form = random.below(4)
      if (form === 0) return { pkcs8: mutateBytes(random.pick(pkcs8), random) }
      if (form === 1) return { jwk: mutateValue(random.pick(jwks), random, oddJson) }
      if (form === 2) return { base64: mutateText('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', random) }
      return { seed: mutateBytes(random.bytes(32), random) }
    },
    read: (source) => importSigner(source as never),
    errors: isWrong,
  }),
  reader({
    of: 'did/web webResolver.resolve',
    input: hostileDocument,
    read: (text) =>
      webResolver({
        fetch: async () => new Response(text, { headers: { 'content-type': 'application/did+json' } }),
        lookup: async () => ['93.184.216.34'],
        cacheSeconds: 0,
      }).resolve(did, {}),
    errors: unresolved,
  }),
  reader({
    of: 'did/web webResolver.resolve, of a hostile DID',
    input: (random) => mutateText('did:web:example.com%3A8443:a:b', random),
    read: (text) =>
      isDid(text)
        ? webResolver({ fetch: async () => new Response('{}'), lookup: async () => ['93.184.216.34'] }).resolve(
            text,
            {},
          )
        : undefined,
    errors: [ResolutionError, MalformedError],
  }),
  reader({
    of: 'did fromDidResolver.resolve',
    input: (random) =>
      mutateValue(
        { didResolutionMetadata: {}, didDocument: random.pick(documents), didDocumentMetadata: {} },
        random,
        oddJson,
      ),
    read: (result) => fromDidResolver({ resolve: async () => result as never }).resolve(did, {}),
    errors: unresolved,
  }),
  reader({
    of: 'did/web isPublicAddress',
    input: (random) =>
      mutateText(
        random.pick(['93.184.216.34', '::1', '2606:2800:220:1::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']),
        random,
      ),
    read: isPublicAddress,
    errors: [],
  }),
]
