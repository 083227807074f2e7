/**
 * Writing archives and agent messages. `@ucanto/core` writes the CAR file.
 *
 * @module
 */

import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { backend } from '#backend'
import { encodeBase64 } from '../core/ipld/base.ts'
import { cidOf } from '../core/ipld/cid.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import type { Block } from './car.ts'
import { loadCore } from './core.ts'
import { checkToken, tokensCheck } from './new-token.ts'
import type { UcantoToken } from './token.ts'

/**
 * Encodes a token, with the proofs that were included in it, as a CAR file. `authorize` and guards read it, and so does
 * `Delegation.extract` of `@ucanto/core`.
 *
 * @throws ArgumentError when `token` is not a token of this library, or `@ucanto/core` is not installed.
 */
export async function archive(token: UcantoToken): Promise<Uint8Array> {
  checkToken('token', token)
  return writeArchive({ 'ucan@0.9.1': token.cid }, [token])
}

/**
 * Encodes a token as {@link archive}, in text: an identity CID in multibase base64, beginning with `mA`. The command
 * line tools and consoles of that ecosystem print and accept this form.
 *
 * @throws ArgumentError when `token` is not a token of this library.
 */
export async function archiveToText(token: UcantoToken): Promise<string> {
  return archiveText(await archive(token))
}

/**
 * Encodes invocations as an agent message: the body of a request to a ucanto service.
 *
 * @throws ArgumentError when `invocations` is empty, or contains anything but tokens of this library.
 */
export async function encodeMessage(invocations: readonly UcantoToken[]): Promise<Uint8Array> {
  const fault = tokensCheck(invocations)
  if (fault !== undefined) throw new ArgumentError(`\`invocations\` ${fault}`)
  if (invocations.length === 0) throw new ArgumentError('`invocations` must contain at least one invocation')
  return writeArchive({ 'ucanto/message@7.0.0': { execute: invocations.map(({ cid }) => cid) } }, invocations)
}

/** The codec of CAR files in multicodec. */
const carCodec = 0x0202

/** Encodes the bytes of an archive as an identity CID in multibase base64. */
export function archiveText(bytes: Uint8Array): string {
  const cid = CID.createV1(carCodec, identity.digest(bytes))
  return `m${encodeBase64(cid.bytes).replaceAll('=', '')}`
}

/** Writes a CAR file whose first block is the head, which names the tokens. */
async function writeArchive(head: IpldValue, tokens: readonly UcantoToken[]): Promise<Uint8Array> {
  const blocks = new Map<string, Block>()
  for (const token of tokens) {
    for (const [name, proof] of token.included) blocks.set(name, proof)
    for (const [name, bytes] of token.attached) blocks.set(name, await blockOf(bytes))
    blocks.set(token.cid.toString(), token)
  }
  const root = await blockOf(encodeCbor(head))
  const { CAR } = await loadCore()
  return CAR.encode({ roots: [root], blocks } as Parameters<typeof CAR.encode>[0])
}

async function blockOf(bytes: Uint8Array): Promise<Block> {
  return { cid: cidOf(await backend.sha256(bytes)), bytes }
}
