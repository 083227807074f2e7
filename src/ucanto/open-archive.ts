/**
 * From an archive or an agent message to tokens.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { type Steps, wait } from '../authorization/machinery/steps.ts'
import { MalformedError } from '../errors.ts'
import { digestKey, isTokenCid, tokenKey } from '../ipld/cid.ts'
import { type IpldValue, isCid, isList, isMap } from '../ipld/value.ts'
import type { Limits } from '../limits.ts'
import { isPromiseLike } from '../support/promise.ts'
import { type Block, decodeBlock, readCar } from './car.ts'
import { type OpenToken, type OpenTokenContext, openToken } from './open-token.ts'

/** What hashes, and the rules for reading tokens. */
export interface ArchiveContext extends OpenTokenContext {
  readonly sha256: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A token together with its name, which was computed. */
export interface NamedToken {
  readonly token: OpenToken
  readonly cid: CID
  /** The digest of its bytes, to look it up by. */
  readonly key: string
  /** The tokens that it names as proofs, by their keys. */
  readonly proofs: ReadonlyMap<string, CID>
}

/** Tokens by the digest of their bytes. */
export type TokenTable = ReadonlyMap<string, NamedToken>

/** What an archive holds. */
export interface Archive {
  /** Whether it is an agent message; otherwise it holds one token and its proofs. */
  readonly isMessage: boolean
  /** The tokens it is about. */
  readonly first: readonly NamedToken[]
  /** All tokens: those, and what they name as proofs as far as it is there. */
  readonly tokens: TokenTable
  /** Blocks that came along because one of the tokens it is about links to them, by their key. They are not read. */
  readonly attached: ReadonlyMap<string, Block>
}

/**
 * Opens the bytes of an archive: hashes every block, opens every token strictly, and refuses what nothing refers to.
 *
 * @throws MalformedError for anything that is not exactly that.
 */
export function* openArchive(bytes: Uint8Array, context: ArchiveContext): Steps<Archive> {
  const { root, blocks } = readCar(bytes, context.limits)
  const table = yield* nameBlocks(blocks, context)
  const head = table.get(tokenKey(root))
  if (head === undefined) throw new MalformedError('UCT-07', 'the root of the archive is not in it')
  const { isMessage, links } = readHead(head.bytes, context.limits)
  const tokens = openTokens(links, table, context)
  const first = namedTokens(links, tokens)
  const attached = tokens.size + 1 < table.size ? findAttached(table, tokenKey(root), first, tokens) : none
  return { isMessage, first, tokens, attached }
}

const none: ReadonlyMap<string, Block> = new Map()

/** Opens tokens and all that they name as proofs, as far as it is there. */
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

/** The tokens that an archive is about, which have to be there. */
export function namedTokens(links: readonly CID[], tokens: TokenTable): readonly NamedToken[] {
  return links.map((cid) => {
    const token = tokens.get(tokenKey(cid))
    if (token === undefined) throw new MalformedError('UCT-07', 'the token that the archive is about is not in it')
    return token
  })
}

/** The blocks that are neither tokens nor the head: each has a link in a token that the archive is about. */
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
      throw new MalformedError('UCT-05', 'the archive has a block that is no token, or that nothing refers to')
    }
    attached.set(key, block)
  }
  return attached
}

/** Gives each block the name that its bytes have, which has to be the one that it came with. */
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
    if (table.has(key)) throw new MalformedError('UCT-05', 'the archive has a block twice')
    table.set(key, block)
  }
  return table
}

/** The links in the arguments, conditions and notes of a token, as far as blocks of an archive can have such names. */
export function linksInToken({ capabilities, facts }: Pick<OpenToken, 'capabilities' | 'facts'>): readonly CID[] {
  return [...capabilities.map(({ nb }) => nb), ...facts].flatMap(linksInValue)
}

/** The links in a value. */
export function linksInValue(value: IpldValue): readonly CID[] {
  if (isCid(value)) return isTokenCid(value) ? [value] : []
  if (isList(value)) return value.flatMap(linksInValue)
  return isMap(value) ? Object.values(value).flatMap(linksInValue) : []
}

/** What is said of a block under the name of other bytes. */
function misnamed({ cid, bytes }: Block): MalformedError {
  return contains(bytes, cid.bytes)
    ? new MalformedError('UCT-61', 'a block holds the name under which it came, which no block can know')
    : new MalformedError('UCT-04', 'a block is not the one that its name says')
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

/** Reads the root block: one token, or the invocations of an agent message. */
function readHead(bytes: Uint8Array, limits: Limits): Head {
  const head = decodeBlock(bytes, limits)
  const [first, ...others] = isMap(head) ? Object.entries(head) : []
  const [tag, value] = first ?? []
  if (others.length === 0 && tag === 'ucan@0.9.1' && isTokenLink(value)) return { isMessage: false, links: [value] }
  if (others.length === 0 && tag === 'ucanto/message@7.0.0' && isMap(value)) {
    const { execute, ...rest } = value
    if (execute !== undefined && isList(execute) && execute.every(isTokenLink) && Object.keys(rest).length === 0) {
      return { isMessage: true, links: execute }
    }
    throw new MalformedError('UCT-08', 'the message does more than ask for invocations: `decodeMessage` reads it', {
      kind: 'unsupported',
    })
  }
  throw new MalformedError('UCT-07', 'the root block names no token of version 0.9.1', { kind: 'unsupported' })
}

/** Whether a value is a link that can name a token. */
export function isTokenLink(value: IpldValue | undefined): value is CID {
  return value !== undefined && isCid(value) && isTokenCid(value)
}
