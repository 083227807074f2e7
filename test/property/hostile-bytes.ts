/**
 * Containers that are made to be expensive for the reader. All of them are refused; the property is how little work
 * that takes.
 *
 * @module
 */
import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { encodeCanonical } from '../reference/cbor.ts'
import { cidOf } from '../reference/chain.ts'
import { type Principal, writeContainer, writeToken } from '../reference/writer.ts'
import { cast, now, pickFrom } from './cast.ts'

/** A container and its hostile feature. */
export interface HostileContainer {
  readonly name: string
  readonly container: Uint8Array | string
}

const [subject, agent] = cast as readonly [Principal, Principal]

/** Makes all of them. */
export function hostileContainers(): readonly HostileContainer[] {
  const made: readonly (readonly [string, () => Uint8Array | string])[] = [
    ['an empty input', () => new Uint8Array(0)],
    ['an empty text', () => ''],
    ['60,000 lists, one in another', () => raw(repeat([0x81], 60_000))],
    ['30,000 maps, one in another', () => raw(repeat([0xa1, 0x60], 30_000))],
    ['lists, one in another, as a token', () => writeContainer([repeat([0x81], 60_000)])],
    ['a list that announces 2^32 - 1 elements', () => raw(Uint8Array.from([0x9a, 0xff, 0xff, 0xff, 0xff]))],
    ['a text that announces 2^53 bytes', () => raw(Uint8Array.from([0x7b, 0, 0x20, 0, 0, 0, 0, 0, 0]))],
    ['10,000 numbers', () => writeContainer([encodeCanonical(new Array(10_000).fill(1))])],
    ['a zip bomb of 256 MiB', () => Uint8Array.from([0x4d, ...gzippedZeros(256)])],
    ['a zip bomb in base64', () => `P${gzipSync(Buffer.alloc(1 << 22)).toString('base64url')}`],
    ['a megabyte of base64', () => `C${'A'.repeat(1 << 20)}`],
    ['a megabyte of raw bytes', () => raw(repeat([0x60], 1 << 20))],
    ['1,000 empty tokens', () => writeContainer(new Array(1_000).fill(new Uint8Array(0)))],
    ['64 tokens of 4 kB of nothing', () => writeContainer(Array.from({ length: 64 }, () => repeat([0x81], 4_000)))],
    ['a token of 64 KiB', () => writeContainer([encodeCanonical(new Uint8Array(65_530))])],
    ['a DID of 60,000 characters', () => writeContainer([call({ iss: `did:key:z${'1'.repeat(60_000)}` })])],
    ['a DID of 60,000 letters of base58', () => writeContainer([call({ iss: `did:key:z${'z'.repeat(60_000)}` })])],
    ['a command of 60,000 segments', () => writeContainer([call({ cmd: '/a'.repeat(30_000) })])],
    [
      '1,000 proofs that are not there',
      () => writeContainer([call({ prf: new Array(1_000).fill(CID.parse(cidOf(new Uint8Array(1)))) })]),
    ],
    ['63 delegations with bad signatures', () => longChain(63)],
    ['16 delegations, the last with a bad signature', () => longChain(16)],
    ['a policy of 300 statements', () => withPolicy(new Array(300).fill(['==', '.', 1]))],
    ['a policy 1,000 deep', () => withPolicy([deep(1_000)])],
    ['16 policies, each within its bounds', () => manyPolicies(16)],
    ['a policy that asks everything of everything', () => withPolicy(costly(), { a: manyLists() })],
    ['the same under a negation', () => withPolicy([['not', costly()[0]]], { a: manyLists() })],
    [
      'a pattern of 10,000 stars',
      () => withPolicy([['like', '.a', `${'*a'.repeat(10_000)}b`]], { a: 'a'.repeat(30_000) }),
    ],
    [
      '100 patterns over a long text',
      () =>
        withPolicy(new Array(200).fill(['like', '.a', '*'.repeat(200)]).concat([['like', '.a', 'b']]), {
          a: 'a'.repeat(30_000),
        }),
    ],
    ['a selector of 10,000 segments', () => withPolicy([['==', '.a'.repeat(10_000), 1]])],
    [
      '8,000 keys in a map',
      () =>
        withPolicy([['==', '.', 1]], Object.fromEntries(Array.from({ length: 3_900 }, (_, key) => [`k${key}`, key]))),
    ],
    [
      'a sort of the same map, 80 times',
      () =>
        withPolicy(
          new Array(80).fill(['not', ['any', '.', ['==', '.', -1]]]).concat([['==', '.', 1]]),
          Object.fromEntries(Array.from({ length: 3_900 }, (_, key) => [`k${key}`, key])),
        ),
    ],
  ]
  return made.map(([name, make]) => ({ name, container: make() }))
}

function raw(body: Uint8Array): Uint8Array {
  const container = new Uint8Array(body.length + 1)
  container[0] = 0x40
  container.set(body, 1)
  return container
}

/**
 * A gzip member of so many MiB of zeros. One MiB is compressed, and its block is repeated, which takes a fifth of the
 * time.
 */
function gzippedZeros(mebibytes: number): Uint8Array {
  const zeros = Buffer.alloc(1 << 20)
  const block = deflateRawSync(zeros, { finishFlush: constants.Z_FULL_FLUSH })
  const blocks = new Array<Buffer>(mebibytes).fill(block)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(blocks.reduce((sum) => crc32(zeros, sum), 0))
  trailer.writeUInt32LE(zeros.length * mebibytes, 4)
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
  const end = Uint8Array.of(3, 0)
  return Buffer.concat([header, ...blocks, end, trailer])
}

function repeat(pattern: readonly number[], times: number): Uint8Array {
  return Uint8Array.from({ length: pattern.length * times }, (_, place) => pattern[place % pattern.length] as number)
}

function call(fields: { readonly [key: string]: unknown }): Uint8Array {
  return writeToken({
    tag: 'ucan/inv@1.0.0',
    signer: agent,
    fields: {
      iss: agent.did,
      aud: cast[4]?.did,
      sub: subject.did,
      cmd: '/alpha/beta/gamma',
      args: {},
      prf: [],
      nonce: new Uint8Array(12),
      exp: now + 60,
      ...fields,
    },
  })
}

function delegation(place: number, more: { readonly [key: string]: unknown } = {}): Uint8Array {
  const signer = place === 0 ? subject : agent
  return writeToken({
    tag: 'ucan/dlg@1.0.0',
    signer,
    fields: {
      iss: signer.did,
      aud: agent.did,
      sub: subject.did,
      cmd: '/',
      pol: [],
      nonce: new Uint8Array(12).fill(place),
      exp: null,
      ...more,
    },
  })
}

// Every delegation but the first has one bit of its signature wrong.
function longChain(length: number): Uint8Array {
  const links = Array.from({ length }, (_, place) => delegation(place)).map((bytes, place) =>
    place === 0 || (length === 16 && place < 15) ? bytes : bytes.with(10, (bytes[10] as number) ^ 1),
  )
  return writeContainer([call({ prf: links.map((bytes) => CID.parse(cidOf(bytes))) }), ...links])
}

function withPolicy(pol: unknown, args: unknown = {}): Uint8Array {
  const link = delegation(0, { pol })
  return writeContainer([call({ args, prf: [CID.parse(cidOf(link))] }), link])
}

function deep(levels: number): unknown {
  let statement: unknown = ['==', '.a', 1]
  for (let level = 0; level < levels; level++) statement = ['not', statement]
  return statement
}

// All but the last policy hold, after nearly as many steps as one may take.
function manyPolicies(count: number): Uint8Array {
  const statements = Array.from({ length: 22 }, (_, place) => ['!=', '.', -1 - place])
  const pol = [['all', '.a', ['all', '.', ['and', statements]]]]
  const links = Array.from({ length: count }, (_, place) =>
    delegation(place, { pol: place === count - 1 ? [...pol, ['==', '.a', 1]] : pol }),
  )
  const prf = links.map((bytes) => CID.parse(cidOf(bytes)))
  return writeContainer([call({ args: { a: manyLists() }, prf }), ...links])
}

// Nested quantifiers: the number of steps is the product of the lengths.
function costly(): readonly unknown[] {
  const statements = Array.from({ length: 100 }, (_, place) => ['!=', '.', -1 - place])
  return [['all', '.a', ['all', '.', ['and', statements]]]]
}

function manyLists(): unknown {
  return Array.from({ length: 60 }, (_, row) =>
    Array.from({ length: 60 }, (_, column) => row * pickFrom([1, 2], column)),
  )
}
