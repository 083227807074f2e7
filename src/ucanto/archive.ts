import { backend } from '#backend'
import { ArgumentError } from '../errors.ts'
import { cidOf } from '../ipld/cid.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldValue } from '../ipld/value.ts'
import { archiveText } from './archive-text.ts'
import { type Block, writeCar } from './car.ts'
import { checkToken, tokensCheck } from './new-token.ts'
import type { UcantoToken } from './token.ts'

/**
 * Puts a token and the proofs that came along into a CAR file: what `authorize` reads, and what `Delegation.extract` of
 * that ecosystem does.
 */
export async function archive(token: UcantoToken): Promise<Uint8Array> {
  checkToken('token', token)
  return writeRoot({ 'ucan@0.9.1': token.cid }, [token])
}

/**
 * The same as text, in the form that the tools of that ecosystem print and take: an identity CID in multibase base64,
 * beginning with `mA`.
 */
export async function archiveToText(token: UcantoToken): Promise<string> {
  return archiveText(await archive(token))
}

/** Puts invocations into an agent message: the body of a request to a ucanto service. */
export async function encodeMessage(invocations: readonly UcantoToken[]): Promise<Uint8Array> {
  const fault = tokensCheck(invocations)
  if (fault !== undefined) throw new ArgumentError(`\`invocations\` ${fault}`)
  if (invocations.length === 0) throw new ArgumentError('a message asks for at least one invocation')
  return writeRoot({ 'ucanto/message@7.0.0': { execute: invocations.map(({ cid }) => cid) } }, invocations)
}

/** A CAR file that begins with a block that names tokens. */
async function writeRoot(head: IpldValue, about: readonly UcantoToken[]): Promise<Uint8Array> {
  const blocks = new Map<string, Block>()
  for (const token of about) {
    for (const [name, proof] of token.included) blocks.set(name, proof)
    for (const [name, bytes] of token.attached) blocks.set(name, { cid: cidOf(await backend.sha256(bytes)), bytes })
    blocks.set(token.cid.toString(), token)
  }
  const bytes = encodeCbor(head)
  const root = cidOf(await backend.sha256(bytes))
  return writeCar({ root, blocks: [{ cid: root, bytes }, ...blocks.values()] })
}
