// node only: uses node:crypto
/**
 * Tokens and archives of UCAN 0.9.1, made with the libraries of that ecosystem and then changed by hand.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { type API, Delegation, delegate } from '@ucanto/core'
import { Absentee, ed25519 } from '@ucanto/principal'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { time } from '../token.ts'

/** The fields of a token as decoded CBOR. */
export type Fields = Record<string, unknown>

/** A block and the name under which it comes. */
export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** The default last second of validity. */
export const expiration: number = time + 100

/** The owner of most resources. */
export const alice: ed25519.EdSigner = await principal('alice')
/** The principal to whom alice delegates. */
export const bob: ed25519.EdSigner = await principal('bob')
/** The principal to whom bob delegates. */
export const carol: ed25519.EdSigner = await principal('carol')
/** A principal without delegations. */
export const mallory: ed25519.EdSigner = await principal('mallory')
/** Who is asked. */
export const service: ed25519.EdSigner = await principal('service')

/** Somebody without a key. */
export const account: API.Signer = Absentee.from({ id: 'did:mailto:example.com:alice' }) as unknown as API.Signer

/** The resource of most calls. */
export const mail: API.Capability = { can: 'mail/send', with: alice.did() }

/** The same with other arguments or conditions. */
export function mailWith(nb: object): API.Capability {
  return { ...mail, nb } as API.Capability
}

/** A delegation from alice to bob by default. */
export async function give(
  capability: API.Capability,
  change: Partial<Omit<Parameters<typeof delegate>[0], 'proofs'>> & { readonly proofs?: readonly CID[] } = {},
): Promise<Block> {
  const options = { issuer: alice, audience: bob, capabilities: [capability], expiration, ...change }
  return (await delegate(options as unknown as Parameters<typeof delegate>[0])).root as unknown as Block
}

/** What is asked for. */
export interface Call {
  /** Delegations that the call names. */
  readonly proofs?: readonly Block[]
  /** Default: {@link mail}. */
  readonly capability?: API.Capability
  /** Blocks that come along before them. */
  readonly earlier?: readonly Block[]
  readonly nonce?: string
}

/** The token of a call. */
export async function callBy(
  issuer: API.Signer,
  { proofs = [], capability = mail, nonce = 'nonce of the call' }: Call,
): Promise<Block> {
  const named = proofs.map((root) => Delegation.create({ root: root as unknown as API.UCANBlock, blocks: new Map() }))
  const options = { issuer, audience: service, capabilities: [capability], proofs: named, expiration }
  const all = { ...options, ...(nonce === '' ? {} : { nonce }) } as unknown as Parameters<typeof delegate>[0]
  const made = await delegate(all)
  return made.root as unknown as Block
}

/** The archive of a call, as text. */
export async function ask(issuer: API.Signer, call: Call = {}): Promise<string> {
  return archive([...(call.earlier ?? []), ...(call.proofs ?? []), await callBy(issuer, call)])
}

/** The archive of tokens, about the last of them, as text: `m…`, base64 without padding. */
export function archive(tokens: readonly Block[]): string {
  return textOf(carOf(cbor({ 'ucan@0.9.1': tokens.at(-1)?.cid }), tokens))
}

/** A CAR file that begins with a block. */
export function carOf(head: Block, others: readonly Block[]): Uint8Array {
  const header = dagCbor.encode({ version: 1, roots: [head.cid] })
  const sections = [head, ...others].map(({ cid, bytes }) => Buffer.concat([cid.bytes, bytes]))
  return Buffer.concat([header, ...sections].flatMap((bytes) => [varint(bytes.length), bytes]))
}

/** A CAR file as text. */
export function textOf(car: Uint8Array): string {
  return `m${Buffer.from(car).toString('base64').replaceAll('=', '')}`
}

/** A block of DAG-CBOR under its name. */
export function cbor(value: unknown): Block {
  return block(dagCbor.encode(value))
}

/** A block under its name. */
export function block(bytes: Uint8Array): Block {
  return { cid: nameOf(bytes), bytes }
}

/** The fields of a token. */
export function fieldsOf({ bytes }: Block): Fields {
  return dagCbor.decode<Fields>(bytes)
}

/** A token with other fields, under its name, with the signature of the original token. */
export function changed(token: Block, change: Fields): Block {
  return cbor({ ...fieldsOf(token), ...change })
}

/** The same with a signature over nothing. */
export function forged(token: Block): Block {
  const { s } = fieldsOf(token) as { readonly s: Uint8Array }
  return changed(token, { s: Buffer.concat([s.subarray(0, 4), new Uint8Array(64).fill(1)]) })
}

/** The CID of bytes, DAG-CBOR by default. */
export function nameOf(bytes: Uint8Array, codec = 0x71): CID {
  return CID.createV1(codec, createDigest(0x12, createHash('sha256').update(bytes).digest()))
}

/** A block whose name is the CID of its bytes. */
export function identityOf(bytes: Uint8Array): Block {
  return { cid: CID.createV1(0x71, createDigest(0x00, bytes)), bytes }
}

/** A DID as a principal in text. */
export function principalText(did: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x9d, 0x1a), Buffer.from(did.slice(4))])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

/** A principal by name: its private key is the SHA-256 of `procura ucanto vector <name>`. */
function principal(name: string): Promise<ed25519.EdSigner> {
  return ed25519.derive(new Uint8Array(createHash('sha256').update(`procura ucanto vector ${name}`).digest()))
}
