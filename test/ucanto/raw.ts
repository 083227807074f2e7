/**
 * Writes archives and tokens that no library would write.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import type { API } from '@ucanto/core'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** A block with any CID. */
export interface RawBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** The fields of a token as decoded CBOR. */
export type Fields = Record<string, unknown>

/** The CID of version 1 of the bytes. */
export function nameOf(bytes: Uint8Array, codec = 0x71): CID {
  return CID.createV1(codec, createDigest(0x12, createHash('sha256').update(bytes).digest()))
}

/** A block with its own CID. */
export function block(bytes: Uint8Array): RawBlock {
  return { cid: nameOf(bytes), bytes }
}

/** A block of DAG-CBOR with its own CID. */
export function cborBlock(value: unknown): RawBlock {
  return block(dagCbor.encode(value))
}

/** The fields of a token that `@ucanto/core` made. */
export function fieldsOf(delegation: API.Delegation): Fields {
  return dagCbor.decode<Fields>(delegation.root.bytes as Uint8Array)
}

/** A CAR file with the given blocks, in the given order and with the given CIDs. */
export function car(root: CID, blocks: readonly RawBlock[], header: object = {}): Uint8Array {
  const head = dagCbor.encode({ version: 1, roots: [root], ...header })
  const sections = blocks.map(({ cid, bytes }) => Buffer.concat([cid.bytes, bytes]))
  return Buffer.concat([head, ...sections].flatMap((bytes) => [varint(bytes.length), bytes]))
}

/** An archive of tokens, whose root block names the last one. */
export function rawArchive(tokens: readonly RawBlock[], extra: readonly RawBlock[] = []): Uint8Array {
  const head = cborBlock({ 'ucan@0.9.1': tokens.at(-1)?.cid })
  return new Uint8Array(car(head.cid, [head, ...extra, ...tokens]))
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

/** The block of a token with another signature. */
export function signedAnew(bytes: Uint8Array, change: (signature: Uint8Array) => Uint8Array): RawBlock {
  const fields = dagCbor.decode<Fields>(bytes)
  return cborBlock({ ...fields, s: change(fields.s as Uint8Array) })
}
