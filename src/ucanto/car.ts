/**
 * CAR files of version 1: blocks with their names, and the name of the first block to read.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Bounds } from '../bounds.ts'
import { isTokenCid, isTokenCidAt } from '../core/ipld/cid.ts'
import { decodeCbor } from '../core/ipld/decode.ts'
import { parseCid } from '../core/ipld/parse-cid.ts'
import { type IpldValue, isCid, isList, isMap } from '../core/ipld/value.ts'
import { decodeVarint } from '../core/ipld/varint.ts'
import { MalformedError } from '../errors.ts'

/** A block of a file. Its CID is unverified until the bytes are hashed. */
export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** The contents of a CAR file. */
export interface Car {
  readonly root: CID
  readonly blocks: readonly Block[]
}

/** Length in bytes of a CID of version 1 with DAG-CBOR and SHA-256. */
const cidLength = 36

/** Length in bytes of the longest header that is read: a map of two keys and one root. */
const maxHeaderBytes = 128

/**
 * Reads a CAR file.
 *
 * @throws MalformedError when it is not a CAR file with one root, and blocks of DAG-CBOR named by SHA-256.
 */
export function readCar(bytes: Uint8Array, bounds: Bounds): Car {
  if (bytes.length > bounds.containerBytes) {
    throw new MalformedError('UCT-01', `the archive has more than ${bounds.containerBytes} bytes`, {
      kind: 'too_large',
    })
  }
  const header = readSection(bytes, 0, maxHeaderBytes)
  const root = readHeader(bytes.subarray(header.start, header.end))
  const blocks: Block[] = []
  const most = cidLength + bounds.tokenBytes
  for (let at = header.end; at < bytes.length; ) {
    // One block for each token, and the root block.
    if (blocks.length > bounds.tokens) {
      throw new MalformedError('UCT-01', `the archive has more than ${bounds.tokens} tokens`, { kind: 'too_large' })
    }
    const { start, end } = readSection(bytes, at, most)
    const split = start + cidLength
    if (startsWithIdentity(bytes.subarray(start, end))) {
      throw new MalformedError('UCT-20', 'the name of a block is an identity CID, which is not a hash', {
        kind: 'unsupported',
      })
    }
    if (split > end || !isTokenCidAt(bytes, start, split)) {
      throw new MalformedError('UCT-03', 'the name of every block must be CIDv1, dag-cbor and sha2-256', {
        kind: 'unsupported',
      })
    }
    blocks.push({
      cid: parseCid(new Uint8Array(bytes.subarray(start, split))),
      bytes: new Uint8Array(bytes.subarray(split, end)),
    })
    at = end
  }
  return { root, blocks }
}

/** Whether a section begins with a CID of version 1, one byte of codec, and the multihash code 0. */
function startsWithIdentity(section: Uint8Array): boolean {
  return section[0] === 1 && (section[1] ?? 0x80) < 0x80 && section[2] === 0
}

function readSection(bytes: Uint8Array, at: number, most: number): { readonly start: number; readonly end: number } {
  const [length, prefix] = decodeVarint(bytes, at)
  const start = at + prefix
  if (length > most) {
    throw new MalformedError('UCT-01', `a section of the archive has more than ${most} bytes`, { kind: 'too_large' })
  }
  if (start + length > bytes.length) throw new MalformedError('UCT-02', 'the archive ends within a section')
  return { start, end: start + length }
}

function readHeader(bytes: Uint8Array): CID {
  const header = decodeCbor(bytes, { depth: 4, items: 16 })
  const roots = isMap(header) && header.version === 1 && Object.keys(header).length === 2 ? header.roots : undefined
  if (roots === undefined || !isList(roots) || roots.length !== 1) {
    throw new MalformedError('UCT-02', 'the archive must be a CAR file of version 1 with one root')
  }
  const [root] = roots
  if (!isCid(root) || !isTokenCid(root)) {
    throw new MalformedError('UCT-02', 'the root of the archive must be CIDv1, dag-cbor and sha2-256')
  }
  return root
}

/**
 * Decodes a block within the bounds of a token.
 *
 * @throws MalformedError when it is not canonical DAG-CBOR, or exceeds a limit.
 */
export function decodeBlock(bytes: Uint8Array, { tokenBytes, depth, items }: Bounds): IpldValue {
  return decodeCbor(bytes, { bytes: tokenBytes, depth, items, stringBytes: tokenBytes })
}
