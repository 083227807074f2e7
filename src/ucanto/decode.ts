/**
 * Archives and agent messages for callers: read strictly, and not verified except for receipts.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { runAsync } from '../authorization/machinery/steps.ts'
import { parseDid } from '../did/did.ts'
import { type DidResolver, keyResolver } from '../did/resolver.ts'
import { MalformedError } from '../errors.ts'
import { parseCid, tokenKey } from '../ipld/cid.ts'
import { type IpldMap, type IpldValue, isList, isMap } from '../ipld/value.ts'
import { completeLimits, type Limits } from '../limits.ts'
import { abortSignal, maybe, objectValue, readOptions, withMethod } from '../support/options.ts'
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
  /** Bounds on what is read. */
  readonly limits?: Partial<Limits>
}

/**
 * Reads an archive in any of its forms (a CAR file; its text in multibase or base64, also as an identity CID), or an
 * agent message that asks for invocations. Every token is opened strictly and none is verified: to decide about a
 * call, hand what you have to `authorize` as it is.
 *
 * @returns the tokens that it is about: one for an archive, one for each invocation of a message.
 * @throws MalformedError when it is not exactly that.
 */
export async function decode(
  archive: string | Uint8Array,
  options: DecodeArchiveOptions = {},
): Promise<readonly UcantoToken[]> {
  const given = readOptions('ucanto.decode', options, { limits: maybe(objectValue) })
  const limits = completeLimits(given.limits)
  const bytes = archiveBytes(archive, limits)
  const context = { limits, parseDid, sha256: (block: Uint8Array) => backend.sha256(block) }
  const opened = await runAsync(openArchive(bytes, context))
  return Object.freeze(opened.first.map((token) => publicToken(token, opened)))
}

/** A token, and by name the tokens that its own proofs lead to. */
export function publicToken(
  start: NamedToken,
  { tokens, attached }: Pick<Archive, 'tokens' | 'attached'>,
): UcantoToken {
  const made = new Map<string, UcantoToken>()
  /** The same object wherever a token is named. */
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

/** UCT-63: the tokens that the proofs of one lead to, as far as they are there. */
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
  /** How the DIDs of those who signed receipts become keys. Default: `did:key` alone. */
  readonly resolver?: DidResolver
  /** Bounds on what is read. */
  readonly limits?: Partial<Limits>
  /** Ends look-ups that take too long. */
  readonly signal?: AbortSignal | undefined
}

/** What an agent message says. */
export interface UcantoMessage {
  /** What it asks for. They are read and not verified. */
  readonly invocations: readonly UcantoToken[]
  /** What it reports. Each is signed by its `issuer`: whether that is who was asked is for the reader to compare. */
  readonly receipts: readonly UcantoReceipt[]
  /** Everything in it, by the text of the CID, which is the hash of the bytes: where effects are found. */
  readonly blocks: ReadonlyMap<string, Uint8Array>
}

/**
 * Reads an agent message: what a request asks for, and the receipts that a response reports. The signatures of receipts
 * are verified, those of invocations are not: to decide about a call, hand the message to `authorize` as it is, which
 * takes one that asks for one call and reports nothing.
 *
 * @throws MalformedError when it is not exactly that, or a receipt is not signed by its issuer.
 */
export async function decodeMessage(
  message: string | Uint8Array,
  options: DecodeMessageOptions = {},
): Promise<UcantoMessage> {
  const {
    resolver = keyResolver(),
    signal,
    ...given
  } = readOptions('ucanto.decodeMessage', options, {
    resolver: maybe(withMethod('resolve')),
    limits: maybe(objectValue),
    signal: maybe(abortSignal),
  })
  const limits = completeLimits(given.limits)
  const { root, blocks } = readCar(archiveBytes(message, limits), limits)
  const sha256 = (block: Uint8Array): Uint8Array | Promise<Uint8Array> => backend.sha256(block)
  const found = await runAsync(nameBlocks(blocks, { sha256 }))
  const { execute, report } = readHead(found.get(tokenKey(root)), limits)
  checkReachable(root, found, limits)
  const tokens = openTokens(execute, found, { limits, parseDid })
  const attached = new Map([...found].filter(([key]) => !tokens.has(key)))
  const receipts: UcantoReceipt[] = []
  for (const [ran, cid] of report) {
    const bytes = found.get(tokenKey(cid))?.bytes
    receipts.push(await openReceipt({ cid, ran, bytes }, { limits, resolver, signal }))
  }
  return Object.freeze({
    invocations: Object.freeze(namedTokens(execute, tokens).map((token) => publicToken(token, { tokens, attached }))),
    receipts: Object.freeze(receipts),
    blocks: new Map(blocks.map(({ cid, bytes }) => [cid.toString(), bytes])),
  })
}

interface Head {
  readonly execute: readonly CID[]
  /** Invocations and their receipts. */
  readonly report: readonly (readonly [CID, CID])[]
}

function readHead(block: Block | undefined, limits: Limits): Head {
  const head = block === undefined ? undefined : decodeBlock(block.bytes, limits)
  const { 'ucanto/message@7.0.0': message, ...others } = isMap(head) ? head : ({} as IpldMap)
  if (message === undefined || !isMap(message) || Object.keys(others).length > 0) {
    throw new MalformedError('UCT-60', 'it is no agent message of version 7.0.0', { kind: 'unsupported' })
  }
  const { execute = [], report = {}, ...more } = message
  if (!isList(execute) || !execute.every(isTokenLink) || !isMap(report) || Object.keys(more).length > 0) {
    throw new MalformedError('UCT-60', 'the message does something else than to ask and to report')
  }
  return { execute, report: Object.entries(report).map(readEntry) }
}

function readEntry([text, receipt]: readonly [string, IpldValue]): readonly [CID, CID] {
  const ran = parseCid(text)
  if (ran.toString() !== text || !isTokenLink(ran) || !isTokenLink(receipt)) {
    throw new MalformedError('UCT-60', 'the message reports by something else than links')
  }
  return [ran, receipt]
}

/** Every block is one that links lead to, from the first. */
function checkReachable(root: CID, blocks: ReadonlyMap<string, Block>, limits: Limits): void {
  const reached = new Set([tokenKey(root)])
  for (const key of reached) {
    const block = blocks.get(key)
    if (block === undefined) continue
    for (const cid of linksInValue(decodeBlock(block.bytes, limits))) {
      if (blocks.has(tokenKey(cid))) reached.add(tokenKey(cid))
    }
  }
  if (reached.size < blocks.size) throw new MalformedError('UCT-60', 'the message has a block that nothing refers to')
}
