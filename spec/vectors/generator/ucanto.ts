// node only: uses node:crypto
/**
 * Calls in UCAN 0.9.1, made with the libraries of that ecosystem and then changed by hand.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { type API, Delegation, delegate, UCAN } from '@ucanto/core'
import { ed25519 } from '@ucanto/principal'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** A call, and what a service says that reads this format. */
export interface UcantoCase {
  readonly name: string
  /** The requirement that refuses it; absent when it is in order. */
  readonly requirement?: string
  /** The archive as text: `m…`, base64 without padding. */
  readonly container: string
  /** The moment of the decision, in seconds, with a clock tolerance of 0. */
  readonly time: number
  /** The service, which acts for every subject and does not know its commands. */
  readonly audience: string
  readonly expected: { readonly allowed: true } | { readonly allowed: false; readonly code: string }
}

type Fields = Record<string, unknown>
interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

const time = 1_800_000_000
const expiration = time + 100

/** The cases, the same every time. */
export async function ucantoCases(): Promise<readonly UcantoCase[]> {
  const [alice, bob, carol, service] = await Promise.all(['alice', 'bob', 'carol', 'service'].map(principal))
  if (!alice || !bob || !carol || !service) throw new Error('four principals')
  const mail = { can: 'mail/send', with: alice.did() } as API.Capability

  const give = (
    capability: API.Capability,
    change: Partial<Parameters<typeof delegate>[0]> = {},
  ): Promise<API.Delegation> =>
    delegate({ issuer: alice, audience: bob, capabilities: [capability], expiration, ...change })
  const ask = async (
    issuer: API.Signer,
    forms: readonly Block[],
    capability = mail,
    earlier: readonly Block[] = [],
  ): Promise<string> => {
    const proofs = forms.map((form) => Delegation.create({ root: form as unknown as API.UCANBlock, blocks: new Map() }))
    const options = {
      issuer,
      audience: service,
      capabilities: [capability],
      proofs,
      expiration,
      nonce: 'nonce of the call',
    }
    const call = (await delegate(options as unknown as Parameters<typeof delegate>[0])).root as unknown as Block
    return archive([...earlier, ...forms, call])
  }
  const fine = (name: string, container: string): UcantoCase => ({
    name,
    container,
    time,
    audience: service.did(),
    expected: { allowed: true },
  })
  const wrong = (name: string, requirement: string, code: string, container: string): UcantoCase => ({
    name,
    requirement,
    container,
    time,
    audience: service.did(),
    expected: { allowed: false, code },
  })

  const proof = await give(mail)
  const root = rootOf(proof)
  const bytesProof = await give({ ...mail, nb: { note: Uint8Array.of(0, 0, 0) } } as API.Capability)
  const all = await give({ can: '*', with: 'ucan:*' }, { issuer: bob, audience: carol })
  const fields = dagCbor.decode<Fields>(root.bytes)
  const changed = (change: Fields): Block => block(dagCbor.encode({ ...fields, ...change }))
  const entry = (fields.att as Fields[])[0] as Fields
  const jwt = new TextEncoder().encode(UCAN.format(proof.data))
  const onlyBob = rootOf(await give({ ...mail, nb: { to: 'bob' } } as API.Capability))
  const asking = (nb: object): API.Capability => ({ ...mail, nb }) as API.Capability

  return [
    fine('by the owner', await ask(alice, [])),
    fine('over one delegation', await ask(bob, [root])),
    fine('over `mail/*`', await ask(bob, [rootOf(await give({ ...mail, can: 'mail/*' }))])),
    fine(
      'over everything that somebody has',
      await ask(
        carol,
        [rootOf(await give({ can: '*', with: 'ucan:*' }, { issuer: bob, audience: carol, proofs: [proof.cid] }))],
        mail,
        [root],
      ),
    ),
    fine('with a condition that holds', await ask(bob, [onlyBob], asking({ to: 'bob' }))),
    wrong('with another field', 'UCT-10', 'malformed', await ask(bob, [changed({ more: 1 })])),
    wrong('of another version', 'UCT-11', 'unsupported', await ask(bob, [changed({ v: '0.9.2' })])),
    wrong(
      'with a map that is signed as bytes are',
      'UCT-13',
      'malformed',
      await ask(bob, [
        block(
          dagCbor.encode({
            ...dagCbor.decode<Fields>(rootOf(bytesProof).bytes),
            att: [{ ...entry, nb: { note: { '/': { bytes: 'AAAA' } } } }],
          }),
        ),
      ]),
    ),
    wrong('with the JWT for the token', 'UCT-14', 'unsupported', await ask(bob, [block(jwt)])),
    wrong('with a key in text', 'UCT-16', 'malformed', await ask(bob, [changed({ iss: text(alice.did()) })])),
    wrong(
      'with bytes behind the signature',
      'UCT-18',
      'malformed',
      await ask(bob, [changed({ s: Buffer.concat([fields.s as Uint8Array, Uint8Array.of(0)]) })]),
    ),
    wrong(
      'with capitals in `can`',
      'UCT-21',
      'malformed',
      await ask(bob, [changed({ att: [{ ...entry, can: 'MAIL/send' }] })]),
    ),
    wrong('with `nbf: 0`', 'UCT-26', 'malformed', await ask(bob, [changed({ nbf: 0 })])),
    wrong('with `nnc: ""`', 'UCT-27', 'malformed', await ask(bob, [changed({ nnc: '' })])),
    wrong('with `fct: []`', 'UCT-28', 'malformed', await ask(bob, [changed({ fct: [] })])),
    wrong(
      'with the JWT under its name',
      'UCT-03',
      'unsupported',
      await ask(bob, [{ cid: nameOf(jwt, 0x55), bytes: jwt }]),
    ),
    wrong(
      'with the name of other bytes',
      'UCT-04',
      'malformed',
      await ask(bob, [{ cid: nameOf(jwt), bytes: root.bytes }]),
    ),
    wrong('with a block too many', 'UCT-05', 'malformed', await ask(bob, [root], mail, [rootOf(all)])),
    wrong(
      'below what was given',
      'UCT-31',
      'command_not_covered',
      await ask(bob, [root], { ...mail, can: 'mail/send/now' }),
    ),
    wrong(
      'over another resource',
      'UCT-32',
      'subject_misaligned',
      await ask(bob, [root], { ...mail, with: carol.did() }),
    ),
    wrong('by nobody with a proof', 'UCT-33', 'root_not_subject', await ask(bob, [])),
    wrong(
      'with an argument of another type',
      'PRF-11',
      'policy_unsatisfied',
      await ask(bob, [onlyBob], asking({ to: ['bob'] })),
    ),
    wrong('without the argument that is asked for', 'PRF-11', 'policy_unsatisfied', await ask(bob, [onlyBob])),
    wrong('for somebody else', 'UCT-39', 'principal_misaligned', await ask(carol, [root])),
  ]
}

function principal(name: string): Promise<ed25519.EdSigner> {
  return ed25519.derive(new Uint8Array(createHash('sha256').update(`procura ucanto vector ${name}`).digest()))
}

function rootOf(delegation: API.Delegation): Block {
  return delegation.root as unknown as Block
}

function nameOf(bytes: Uint8Array, codec = 0x71): CID {
  return CID.createV1(codec, createDigest(0x12, createHash('sha256').update(bytes).digest()))
}

function block(bytes: Uint8Array): Block {
  return { cid: nameOf(bytes), bytes }
}

function text(did: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x9d, 0x1a), Buffer.from(did.slice(4))])
}

/** The archive of tokens, about the last of them, as text. */
function archive(tokens: readonly Block[]): string {
  const head = block(dagCbor.encode({ 'ucan@0.9.1': tokens.at(-1)?.cid }))
  const header = dagCbor.encode({ version: 1, roots: [head.cid] })
  const sections = [head, ...tokens].map(({ cid, bytes }) => Buffer.concat([cid.bytes, bytes]))
  const car = Buffer.concat([header, ...sections].flatMap((bytes) => [varint(bytes.length), bytes]))
  return `m${car.toString('base64').replaceAll('=', '')}`
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
