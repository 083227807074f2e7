/**
 * Archives and agent messages for callers: read strictly, and not verified except for receipts.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { type Bounds, completeBounds } from '../bounds.ts'
import { runAsync } from '../core/authorization/machinery/steps.ts'
import { parseDid } from '../core/did/did.ts'
import { type DidResolver, keyResolver } from '../core/did/resolver.ts'
import { tokenKey } from '../core/ipld/cid.ts'
import { parseCid } from '../core/ipld/parse-cid.ts'
import { type IpldMap, type IpldValue, isList, isMap } from '../core/ipld/value.ts'
import { MalformedError } from '../errors.ts'
import { abortSignal, maybe, objectValue, readOptions, withDefault, withMethod } from '../support/options.ts'
import { archiveBytes } from './archive-text.ts'
import { type Block, decodeBlock, readCar } from './car.ts'
import {
  type Archive,
  isTokenLink,
  linksInToken,
  linksInValue,
  type NamedToken,
  nameBlocks,
  namedTokens,
  openArchive,
  openTokens,
  type TokenTable,
} from './open-archive.ts'
import { openReceipt, type UcantoReceipt } from './receipt.ts'
import { tokenOf, type UcantoToken } from './token.ts'

/** Options of {@link decode}. */
export interface DecodeArchiveOptions {
  /** Bounds on the input. */
  readonly bounds?: Partial<Bounds>
}

/**
 * Reads an archive in any of its forms (a CAR file; its text in multibase or base64, also as an identity CID), or an
 * agent message with invocations. Tokens are parsed strictly, and signatures are not verified: to decide about a call,
 * pass the archive itself to `authorize`.
 *
 * @returns the token of an archive, or one token for each invocation of a message.
 * @throws MalformedError when the input is anything else.
 */
export async function decode(
  archive: string | Uint8Array,
  options: DecodeArchiveOptions = {},
): Promise<readonly UcantoToken[]> {
  const given = readOptions('ucanto.decode', options, { bounds: maybe(objectValue) })
  const bounds = completeBounds(given.bounds)
  const bytes = archiveBytes(archive, bounds)
  const context = { bounds, parseDid, sha256: (block: Uint8Array) => backend.sha256(block) }
  const opened = await runAsync(openArchive(bytes, context))
  return Object.freeze(opened.first.map((token) => publicToken(token, opened)))
}

/** Makes the public form of a token, with the included tokens of its proof chain. */
function publicToken(start: NamedToken, { tokens, attached }: Pick<Archive, 'tokens' | 'attached'>): UcantoToken {
  const made = new Map<string, UcantoToken>()
  /** Returns the same object wherever a token is named. */
  const proofOf = (proof: NamedToken): UcantoToken => {
    const known = made.get(proof.key)
    if (known !== undefined) return known
    const token = tokenOf(proof, () => includedIn(proof))
    made.set(proof.key, token)
    return token
  }
  const includedIn = (token: NamedToken): ReadonlyMap<string, UcantoToken> =>
    new Map(reachedFrom(token, tokens).map((proof) => [proof.cid.toString(), proofOf(proof)]))
  const links = attached.size === 0 ? [] : linksInToken(start.token)
  const blocks = links.flatMap((cid) => attached.get(tokenKey(cid)) ?? [])
  return tokenOf(start, () => includedIn(start), new Map(blocks.map((block) => [block.cid.toString(), block.bytes])))
}

/** UCT-63: The included tokens of the proof chain of a token. */
function reachedFrom(start: NamedToken, tokens: TokenTable): readonly NamedToken[] {
  const reached = new Map<string, NamedToken>()
  const waiting = [...start.proofs.keys()]
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    const proof = tokens.get(key)
    if (proof === undefined || reached.has(key)) continue
    reached.set(key, proof)
    waiting.push(...proof.proofs.keys())
  }
  return [...reached.values()]
}

/** Options of {@link decodeMessage}. */
export interface DecodeMessageOptions {
  /** Resolves the DIDs of the issuers of receipts to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Bounds on the input. */
  readonly bounds?: Partial<Bounds>
  /** Stops the resolution of DIDs. */
  readonly signal?: AbortSignal | undefined
}

/** The contents of an agent message. */
export interface UcantoMessage {
  /** The invocations that it requests. Their signatures are not verified. */
  readonly invocations: readonly UcantoToken[]
  /**
   * The receipts that it reports, each signed by its `issuer`. The caller must compare that with the called service.
   */
  readonly receipts: readonly UcantoReceipt[]
  /** All blocks, by the text of their CID, whose hash was checked. Effects of receipts are among them. */
  readonly blocks: ReadonlyMap<string, Uint8Array>
}

/**
 * Reads an agent message: the invocations of a request, and the receipts of a response. Receipts are verified, and
 * invocations are not: to decide about a call, pass the message itself to `authorize`, which accepts messages with one
 * invocation and without receipts.
 *
 * @throws MalformedError when the input is anything else, or a receipt is not signed by its issuer.
 */
export async function decodeMessage(
  message: string | Uint8Array,
  options: DecodeMessageOptions = {},
): Promise<UcantoMessage> {
  const { resolver, signal, ...given } = readOptions('ucanto.decodeMessage', options, {
    resolver: withDefault(withMethod('resolve'), keyResolver()),
    bounds: maybe(objectValue),
    signal: abortSignal,
  })
  const bounds = completeBounds(given.bounds)
  const { root, blocks } = readCar(archiveBytes(message, bounds), bounds)
  const sha256 = (block: Uint8Array): Uint8Array | Promise<Uint8Array> => backend.sha256(block)
  const found = await runAsync(nameBlocks(blocks, { sha256 }))
  const { execute, report } = readHead(found.get(tokenKey(root)), bounds)
  checkReachable(root, found, bounds)
  const tokens = openTokens(execute, found, { bounds, parseDid })
  const attached = new Map([...found].filter(([key]) => !tokens.has(key)))
  const receipts: UcantoReceipt[] = []
  for (const [ran, cid] of report) {
    const bytes = found.get(tokenKey(cid))?.bytes
    receipts.push(await openReceipt({ cid, ran, bytes }, { bounds, resolver, signal }))
  }
  return Object.freeze({
    invocations: Object.freeze(namedTokens(execute, tokens).map((token) => publicToken(token, { tokens, attached }))),
    receipts: Object.freeze(receipts),
    blocks: new Map(blocks.map(({ cid, bytes }) => [cid.toString(), bytes])),
  })
}

interface Head {
  readonly execute: readonly CID[]
  /** The links of invocations, each with the link of its receipt. */
  readonly report: readonly (readonly [CID, CID])[]
}

function readHead(block: Block | undefined, bounds: Bounds): Head {
  const head = block === undefined ? undefined : decodeBlock(block.bytes, bounds)
  const { 'ucanto/message@7.0.0': message, ...others } = isMap(head) ? head : ({} as IpldMap)
  if (message === undefined || !isMap(message) || Object.keys(others).length > 0) {
    throw new MalformedError('UCT-60', 'the root block is not an agent message of version 7.0.0', {
      kind: 'unsupported',
    })
  }
  const { execute = [], report = {}, ...more } = message
  if (!isList(execute) || !execute.every(isTokenLink) || !isMap(report) || Object.keys(more).length > 0) {
    throw new MalformedError('UCT-60', 'the message must contain only `execute`, a list of links, and `report`, a map')
  }
  return { execute, report: Object.entries(report).map(readEntry) }
}

function readEntry([text, receipt]: readonly [string, IpldValue]): readonly [CID, CID] {
  const ran = parseCid(text)
  if (ran.toString() !== text || !isTokenLink(ran) || !isTokenLink(receipt)) {
    throw new MalformedError('UCT-60', '`report` of the message must map links of invocations to links of receipts')
  }
  return [ran, receipt]
}

/** Checks that links lead from the root to every block. */
function checkReachable(root: CID, blocks: ReadonlyMap<string, Block>, bounds: Bounds): void {
  const reached = new Set([tokenKey(root)])
  for (const key of reached) {
    const block = blocks.get(key)
    if (block === undefined) continue
    for (const cid of linksInValue(decodeBlock(block.bytes, bounds))) {
      if (blocks.has(tokenKey(cid))) reached.add(tokenKey(cid))
    }
  }
  if (reached.size < blocks.size) throw new MalformedError('UCT-60', 'the message has a block to which no link leads')
}
