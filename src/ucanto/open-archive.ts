/**
 * Reads the tokens of an archive or an agent message.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Bounds } from '../bounds.ts'
import { type Steps, wait } from '../core/authorization/machinery/steps.ts'
import { digestKey, isTokenCid, tokenKey } from '../core/ipld/cid.ts'
import { type IpldValue, isCid, isList, isMap } from '../core/ipld/value.ts'
import { MalformedError } from '../errors.ts'
import { isPromiseLike } from '../support/promise.ts'
import { type Block, decodeBlock, readCar } from './car.ts'
import { type OpenToken, type OpenTokenContext, openToken } from './open-token.ts'

/** The hash function, and the settings for reading tokens. */
export interface ArchiveContext extends OpenTokenContext {
  readonly sha256: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A token and its CID, which was computed from its bytes. */
export interface NamedToken {
  readonly token: OpenToken
  readonly cid: CID
  /** The digest of its bytes, for lookups. */
  readonly key: string
  /** The CIDs of its proofs, by their keys. */
  readonly proofs: ReadonlyMap<string, CID>
}

/** Tokens by the digest of their bytes. */
export type TokenTable = ReadonlyMap<string, NamedToken>

/** The contents of an archive. */
export interface Archive {
  /** Whether it is an agent message. Otherwise it contains one token and its proofs. */
  readonly isMessage: boolean
  /** The tokens that its root block names. */
  readonly first: readonly NamedToken[]
  /** All tokens: those, and the included tokens of their proof chains. */
  readonly tokens: TokenTable
  /** Blocks to which one of the named tokens links, by their key. They are not parsed. */
  readonly attached: ReadonlyMap<string, Block>
}

/**
 * Reads the bytes of an archive: hashes every block, opens every token strictly, and refuses blocks without a
 * reference.
 *
 * @throws MalformedError when the bytes are anything else.
 */
export function* openArchive(bytes: Uint8Array, context: ArchiveContext): Steps<Archive> {
  const { root, blocks } = readCar(bytes, context.bounds)
  const table = yield* nameBlocks(blocks, context)
  const head = table.get(tokenKey(root))
  if (head === undefined) throw new MalformedError('UCT-07', 'the root block is missing in the archive')
  const { isMessage, links } = readHead(head.bytes, context.bounds)
  const tokens = openTokens(links, table, context)
  const first = namedTokens(links, tokens)
  const attached = tokens.size + 1 < table.size ? findAttached(table, tokenKey(root), first, tokens) : none
  return { isMessage, first, tokens, attached }
}

const none: ReadonlyMap<string, Block> = new Map()

/** Opens tokens and the included tokens of their proof chains. */
export function openTokens(
  links: readonly CID[],
  table: ReadonlyMap<string, Block>,
  context: OpenTokenContext,
): TokenTable {
  const tokens = new Map<string, NamedToken>()
  const waiting = [...links]
  for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
    const key = tokenKey(cid)
    const block = table.get(key)
    if (block === undefined || tokens.has(key)) continue
    const token = openToken(block.bytes, context)
    tokens.set(key, {
      token,
      cid: block.cid,
      key,
      proofs: new Map(token.proofs.map((proof) => [tokenKey(proof), proof])),
    })
    waiting.push(...token.proofs)
  }
  return tokens
}

/** The tokens that an archive names, which must be in it. */
export function namedTokens(links: readonly CID[], tokens: TokenTable): readonly NamedToken[] {
  return links.map((cid) => {
    const token = tokens.get(tokenKey(cid))
    if (token === undefined)
      throw new MalformedError('UCT-07', 'the token that the root block names is missing in the archive')
    return token
  })
}

/** The blocks that are neither tokens nor the root. One of the named tokens must link to each. */
function findAttached(
  table: ReadonlyMap<string, Block>,
  head: string,
  first: readonly NamedToken[],
  tokens: TokenTable,
): ReadonlyMap<string, Block> {
  const linked = new Set(first.flatMap(({ token }) => linksInToken(token)).map(tokenKey))
  const attached = new Map<string, Block>()
  for (const [key, block] of table) {
    if (key === head || tokens.has(key)) continue
    if (!linked.has(key)) {
      throw new MalformedError(
        'UCT-05',
        'the archive has a block that is not a token of the proof chain, and to which no named token links',
      )
    }
    attached.set(key, block)
  }
  return attached
}

/** Computes the name of each block, which must be the CID before it. */
export function* nameBlocks(
  blocks: readonly Block[],
  { sha256 }: Pick<ArchiveContext, 'sha256'>,
): Steps<ReadonlyMap<string, Block>> {
  const hashes = blocks.map(({ bytes }) => sha256(bytes))
  const digests = hashes.some(isPromiseLike) ? yield* wait(Promise.all(hashes)) : (hashes as Uint8Array[])
  const table = new Map<string, Block>()
  for (const [index, block] of blocks.entries()) {
    const key = digestKey(digests[index] as Uint8Array)
    if (key !== tokenKey(block.cid)) throw misnamed(block)
    if (table.has(key)) throw new MalformedError('UCT-05', 'the archive contains a block twice')
    table.set(key, block)
  }
  return table
}

/** The links in the arguments, conditions and facts of a token that can name blocks of an archive. */
export function linksInToken({ capabilities, facts }: Pick<OpenToken, 'capabilities' | 'facts'>): readonly CID[] {
  return [...capabilities.map(({ nb }) => nb), ...facts].flatMap(linksInValue)
}

/** The links in a value that can name blocks of an archive. */
export function linksInValue(value: IpldValue): readonly CID[] {
  if (isCid(value)) return isTokenCid(value) ? [value] : []
  if (isList(value)) return value.flatMap(linksInValue)
  return isMap(value) ? Object.values(value).flatMap(linksInValue) : []
}

/** The error for a block whose bytes do not have the hash in its name. */
function misnamed({ cid, bytes }: Block): MalformedError {
  return contains(bytes, cid.bytes)
    ? new MalformedError('UCT-61', 'a block contains its own name, which cannot be the hash of its bytes')
    : new MalformedError('UCT-04', 'the bytes of a block do not match the hash in its name')
}

function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  const first = part[0] as number
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return true
  }
  return false
}

interface Head {
  readonly isMessage: boolean
  readonly links: readonly CID[]
}

/** Reads the root block: the link of one token, or of the invocations of an agent message. */
function readHead(bytes: Uint8Array, bounds: Bounds): Head {
  const head = decodeBlock(bytes, bounds)
  const [first, ...others] = isMap(head) ? Object.entries(head) : []
  const [tag, value] = first ?? []
  if (others.length === 0 && tag === 'ucan@0.9.1' && isTokenLink(value)) return { isMessage: false, links: [value] }
  if (others.length === 0 && tag === 'ucanto/message@7.0.0' && isMap(value)) {
    const { execute, ...rest } = value
    if (execute !== undefined && isList(execute) && execute.every(isTokenLink) && Object.keys(rest).length === 0) {
      return { isMessage: true, links: execute }
    }
    throw new MalformedError('UCT-08', 'the message contains more than invocations; read it with `decodeMessage`', {
      kind: 'unsupported',
    })
  }
  throw new MalformedError('UCT-07', 'the root block does not name a token of version 0.9.1', { kind: 'unsupported' })
}

/** Whether a value is a link that can name a token. */
export function isTokenLink(value: IpldValue | undefined): value is CID {
  return value !== undefined && isCid(value) && isTokenCid(value)
}
