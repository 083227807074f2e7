/**
 * Hostile containers and archives: values are changed before they are signed, named and assembled, so that the fault is
 * deep inside.
 *
 * @module
 */

import { gzipSync } from 'node:zlib'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { cast } from '../property/cast.ts'
import { encodeCanonical } from '../reference/cbor.ts'
import { cidOf } from '../reference/chain.ts'
import { type Principal, writeToken } from '../reference/writer.ts'
import { actor, now } from '../support/actors.ts'
import { block, car, type RawBlock } from '../ucanto/raw.ts'
import { signatureOf, writeToken as writeUcanto } from '../ucanto/writer.ts'
import { mutateBytes, mutateText, mutateValue, oddIpld } from './mutate.ts'
import type { Random } from './random.ts'

const [owner, agent, , , service] = cast as readonly [Principal, Principal, Principal, Principal, Principal]
const curved = cast[5] as Principal

/** The service to which the calls are addressed. */
export const audience: string = service.did

type Fields = Readonly<Record<string, unknown>>

/** Encodes a value that may be invalid. */
function encode(value: unknown): Uint8Array | undefined {
  try {
    return encodeCanonical(value)
  } catch {
    return undefined
  }
}

/** The fields, or others with something wrong in them. */
function spoil(fields: Fields, random: Random, inSoMany = 3): Fields {
  const changed = random.once(inSoMany) ? mutateValue(fields, random, oddIpld) : fields
  return typeof changed === 'object' && changed !== null && !Array.isArray(changed) && encode(changed) !== undefined
    ? (changed as Fields)
    : fields
}

const policies: readonly unknown[] = [
  [],
  [['==', '.to', 'bob']],
  [
    ['like', '.to', 'b*'],
    ['not', ['any', '.list', ['<', '.', 5]]],
  ],
  [
    [
      'or',
      [
        ['!=', '.a?.b', 1],
        ['all', '.list[]', ['>=', '.', 0]],
      ],
    ],
  ],
]

/** Tokens of 1.0.0: a chain, or a revocation, or a receipt, with something wrong in any of them. */
export function hostileTokens(random: Random): readonly Uint8Array[] {
  const holders = [random.pick([owner, curved]), agent, random.pick([agent, curved])]
  const subject = holders[0] as Principal
  const tokens: Uint8Array[] = []
  const count = random.below(3)
  for (let index = 0; index < count; index++) {
    const signer = holders[index] as Principal
    tokens.push(
      seal('ucan/dlg@1.0.0', signer, random, {
        iss: signer.did,
        aud: (holders[index + 1] as Principal).did,
        sub: index > 0 && random.once(3) ? null : subject.did,
        cmd: '/mail',
        pol: random.pick(policies),
        nonce: new Uint8Array(12).fill(index),
        exp: random.pick([null, now + 600]),
        ...(random.once(3) ? { nbf: now, meta: { note: ['x', { y: 1 }] } } : {}),
      }),
    )
  }
  const invoker = holders[count] as Principal
  const links = tokens.map(linkTo)
  const kind = random.below(5)
  const call: Fields = {
    iss: invoker.did,
    aud: service.did,
    sub: subject.did,
    cmd: kind === 0 ? '/ucan/revoke' : kind === 1 ? '/ucan/assert/receipt' : '/mail/send',
    args:
      kind === 0
        ? {
            ucan: links.at(-1) ?? linkTo(new Uint8Array(1)),
            revoke: links.at(-1) ?? 1,
            ...(random.once(2) ? { path: links } : {}),
          }
        : kind === 1
          ? { ran: linkTo(new Uint8Array(1)), out: { ok: 1 } }
          : { to: 'bob', list: [1, 7, { a: 1 }], a: { b: 2 } },
    prf: kind === 1 ? [] : links,
    nonce: new Uint8Array(12).fill(9),
    exp: now + 60,
    ...(random.once(4) ? { iat: now, meta: {}, cause: linkTo(new Uint8Array(2)) } : {}),
  }
  return random.once(9) ? tokens : [...tokens, seal('ucan/inv@1.0.0', invoker, random, call)]
}

function linkTo(bytes: Uint8Array): CID {
  return CID.parse(cidOf(bytes))
}

function seal(tag: string, signer: Principal, random: Random, fields: Fields): Uint8Array {
  const token = writeToken({
    tag: random.once(12) ? mutateText(tag, random).replace(/[\ud800-\udfff]/g, '') || 'h2' : tag,
    signer,
    fields: spoil(fields, random),
    ...(random.once(12) ? { beside: spoil({ x: 1 }, random, 1) } : {}),
    ...(random.once(12) ? { header: random.bytes(random.below(9)) } : {}),
  })
  return random.once(8) ? mutateBytes(token, random) : token
}

/** A container of hostile tokens, in any spelling, sometimes changed again. */
export function hostileContainer(random: Random): string | Uint8Array {
  const contents = { 'ctn-v1': hostileTokens(random) }
  const body = encode(random.once(6) ? mutateValue(contents, random, oddIpld) : contents) ?? encodeCanonical(contents)
  const spoilt = random.once(8) ? mutateBytes(body, random) : body
  const packed = random.once(4)
  const bytes = packed ? gzipSync(spoilt) : spoilt
  const inner = packed && random.once(4) ? mutateBytes(bytes, random) : bytes
  const form = random.below(3)
  if (form === 0) return Uint8Array.from([packed ? 0x4d : 0x40, ...inner])
  const text =
    form === 1
      ? `${packed ? 'O' : 'B'}${Buffer.from(inner).toString('base64')}`
      : `${packed ? 'P' : 'C'}${Buffer.from(inner).toString('base64url')}`
  return random.once(8) ? mutateText(text, random) : text
}

const [alice, bob] = [await actor('alice'), await actor('bob')]
const curvedSigner = await actor('alice', 'ES256')
const account = { did: 'did:mailto:example.com:alice' }

/** The blocks of a call in 0.9.1, the last of them the call. Values are changed before they are signed and named. */
export async function hostileUcantoTokens(random: Random, ofCall = true): Promise<readonly RawBlock[]> {
  const isSession = random.once(3)
  const root = isSession ? account : random.pick([alice, curvedSigner])
  const resource = random.once(6) ? 'https://pages.example/alice' : root.did
  const blocks: RawBlock[] = []
  blocks.push(
    await sealUcanto(random, root, bob, {
      att: [
        {
          can: random.pick(['mail/*', '*', 'mail/send']),
          with: random.pick([resource, 'ucan:*']),
          nb: conditions(random),
        },
      ],
    }),
  )
  if (isSession) {
    const [login] = blocks as [RawBlock]
    const att = [{ can: 'ucan/attest', with: service.did, nb: { proof: login.cid } }]
    blocks.push(await sealUcanto(random, await actor('service'), bob, { att }))
  }
  if (random.once(3)) {
    const prf = blocks.map(({ cid }) => cid)
    blocks.push(await sealUcanto(random, bob, bob, { att: [{ can: '*', with: 'ucan:*' }], prf }))
  }
  if (!ofCall) return blocks
  const nb = { to: 'bob', list: [1, 7], a: { b: 2 }, at: blocks[0]?.cid }
  const isRevocation = random.once(6)
  const att = isRevocation
    ? [{ can: 'ucan/revoke', with: bob.did, nb: { ucan: blocks[0]?.cid, proof: blocks.map(({ cid }) => cid) } }]
    : [{ can: 'mail/send', with: resource, nb }]
  const prf = isRevocation ? [] : blocks.map(({ cid }) => cid)
  const call = await sealUcanto(random, bob, { did: audience }, { att, prf, nnc: 'nonce of the call', exp: later(60) })
  return isRevocation ? [call] : [...blocks, call]
}

function conditions(random: Random): Fields {
  return random.pick<Fields>([
    {},
    { to: 'bob' },
    { pol: random.pick(policies) },
    { to: 'bob', pol: random.pick(policies) },
  ])
}

function later(seconds: number): number {
  return now + seconds
}

async function sealUcanto(
  random: Random,
  issuer: Parameters<typeof writeUcanto>[0]['issuer'],
  to: { readonly did: string },
  change: Partial<Parameters<typeof writeUcanto>[0]>,
): Promise<RawBlock> {
  const fct = random.once(3) ? { fct: [{ note: { deep: [1] } }], nbf: now } : {}
  const made = await writeUcanto({ issuer, audience: to, att: [], exp: later(600), ...fct, ...change })
  if (!random.once(3)) return made
  const fields = dagCbor.decode<Fields>(made.bytes)
  const changed = spoil(fields, random, 1)
  const signed = random.once(4) ? changed : { ...changed, ...(await signedAnew(issuer, to, changed)) }
  const bytes = encode(signed) ?? made.bytes
  return block(random.once(8) ? mutateBytes(bytes, random) : bytes)
}

/** A signature over the changed fields, where they have a text to sign. */
async function signedAnew(
  issuer: Parameters<typeof writeUcanto>[0]['issuer'],
  to: { readonly did: string },
  { v: _, s: __, iss: ___, aud: ____, ...fields }: Fields,
): Promise<Fields> {
  try {
    return { s: await signatureOf({ issuer, audience: to }, fields) }
  } catch {
    return {}
  }
}

/** An archive or a message, in any spelling, sometimes changed again. */
export async function hostileArchive(random: Random): Promise<string | Uint8Array> {
  return spelled(hostileCar(await hostileUcantoTokens(random), random), random)
}

/** The bytes of a CAR file about the last of its blocks, with something wrong in its head, in names, or anywhere. */
export function hostileCar(blocks: readonly RawBlock[], random: Random): Uint8Array {
  const last = blocks.at(-1)?.cid
  const about = random.pick<Fields>([
    ...Array.from({ length: 4 }, () => ({ 'ucan@0.9.1': last })),
    { 'ucanto/message@7.0.0': { execute: [last] } },
    { 'ucanto/message@7.0.0': { execute: [last], report: { [String(last)]: blocks[0]?.cid } } },
  ])
  const changed = random.once(4) ? mutateValue(about, random, oddIpld) : about
  const other = random.pick<unknown>([null, true, 0, '', new Uint8Array(0), [], {}, last, oddIpld(random)])
  const head = block(encode(random.once(10) ? other : changed) ?? encodeCanonical(about))
  const all = random.once(8) ? blocks.map((one) => (random.once(3) ? { ...one, cid: head.cid } : one)) : blocks
  const extra = random.once(8) ? [block(encode(oddIpld(random)) ?? new Uint8Array(1))] : []
  const header = random.once(8) ? (oddHeader(random) ?? {}) : {}
  const bytes = new Uint8Array(car(head.cid, [head, ...extra, ...all], header))
  return random.once(8) ? mutateBytes(bytes, random) : bytes
}

function oddHeader(random: Random): object | undefined {
  const header = { [random.pick(['version', 'roots', 'more'])]: random.pick<unknown>([0, 2, null, [], 'x', {}, [1]]) }
  return encode(header) === undefined ? undefined : header
}

/** One of the texts of a CAR file, or its bytes. */
function spelled(bytes: Uint8Array, random: Random): string | Uint8Array {
  const base64 = Buffer.from(bytes).toString('base64')
  const base64url = Buffer.from(bytes).toString('base64url')
  const identity = Buffer.concat([
    Uint8Array.of(1, 0x82, 4, 0),
    Buffer.from([0x80 | (bytes.length & 0x7f), (bytes.length >> 7) & 0x7f]),
    bytes,
  ])
  const form = random.pick<string | Uint8Array>([
    bytes,
    bytes,
    `m${base64.replaceAll('=', '')}`,
    `u${base64url}`,
    base64,
    `m${identity.toString('base64').replaceAll('=', '')}`,
  ])
  return typeof form === 'string' && random.once(8) ? mutateText(form, random) : form
}
