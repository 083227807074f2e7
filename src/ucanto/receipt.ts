/**
 * Receipts of 0.9.1: what a service says came of an invocation.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { type Did, isDid } from '../did/did.ts'
import { type DidResolver, keysOf } from '../did/resolver.ts'
import { MalformedError } from '../errors.ts'
import { bytesEqual } from '../ipld/bytes.ts'
import { digestKey, isTokenCid, tokenKey } from '../ipld/cid.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { type IpldMap, type IpldValue, isCid, isMap } from '../ipld/value.ts'
import type { Limits } from '../limits.ts'
import { verifySignature } from '../principal/signature.ts'
import { unlessAborted } from '../support/abort.ts'
import { decodeBlock, readCar } from './car.ts'
import { readSignatureFrame } from './signature-frame.ts'

/** A receipt whose signature has been verified. */
export interface UcantoReceipt {
  /** Who executed the invocation, and signed. */
  readonly issuer: Did
  /** The invocation. */
  readonly ran: CID
  /** What came of it. */
  readonly outcome: { readonly ok: IpldValue } | { readonly error: IpldValue }
  /** What the service says is to be done next, as written. */
  readonly effects: IpldMap
  /** Its name. */
  readonly cid: CID
}

/** What {@link readReceipt} is told. */
export interface ReadReceiptContext {
  readonly limits: Limits
  /** Who has to have signed. */
  readonly service: Did
  readonly resolver: DidResolver
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds the receipt of an invocation in an agent message, and verifies it.
 *
 * @param message - the bytes of a response.
 * @throws MalformedError when there is none, or not one that the service signed.
 */
export async function readReceipt(message: Uint8Array, ran: CID, context: ReadReceiptContext): Promise<UcantoReceipt> {
  const { root, blocks } = readCar(message, context.limits)
  const table = new Map<string, Uint8Array>()
  for (const { cid, bytes } of blocks) {
    if (digestKey(await backend.sha256(bytes)) !== tokenKey(cid)) throw fault('a block is not what its name says')
    table.set(tokenKey(cid), bytes)
  }
  const cid = receiptLink(decode(table.get(tokenKey(root)), context.limits), ran)
  return openReceipt({ cid, ran, bytes: table.get(tokenKey(cid)) }, context)
}

/** A receipt as it was found. */
export interface FoundReceipt {
  readonly cid: CID
  /** The invocation under whose name it stood. */
  readonly ran: CID
  /** Undefined when it was named and is not there. */
  readonly bytes: Uint8Array | undefined
}

/** What {@link openReceipt} is told. */
export type OpenReceiptContext = Pick<ReadReceiptContext, 'limits' | 'resolver' | 'signal'> &
  Partial<ReadReceiptContext>

/**
 * Reads a receipt, and verifies that its issuer signed it.
 *
 * @throws MalformedError when it is none, or not signed by its issuer, or not issued by the service when one is
 *   named.
 */
export async function openReceipt(
  { cid, ran, bytes }: FoundReceipt,
  context: OpenReceiptContext,
): Promise<UcantoReceipt> {
  const { limits } = context
  const receipt = decode(bytes, limits)
  const { ocm, sig } = receipt
  if (bytes === undefined || !isMap(ocm) || !bytesEqual(encodeCbor(receipt, 'receipt', limits), bytes))
    throw fault('it is no receipt')
  const { iss, out, fx } = ocm
  if (!isDid(iss) || iss !== (context.service ?? iss)) throw fault('it is not issued by the service')
  if (!isCid(ocm.ran as IpldValue) || !ran.equals(ocm.ran)) throw fault('it is about another invocation')
  if (!isMap(out) || Object.keys(out).length !== 1) throw fault('it says no outcome')
  await verify(iss, sig, encodeCbor(ocm, 'receipt', limits), context)
  if (out.ok === undefined && out.error === undefined) throw fault('it says no outcome')
  return Object.freeze({
    issuer: iss,
    ran,
    outcome: out.error === undefined ? { ok: out.ok as IpldValue } : { error: out.error },
    effects: isMap(fx) ? fx : {},
    cid,
  })
}

async function verify(
  issuer: Did,
  sig: IpldValue | undefined,
  signed: Uint8Array,
  context: OpenReceiptContext,
): Promise<void> {
  const { algorithm, raw } = readSignatureFrame(sig)
  const { resolver, signal } = context
  const resolved = await unlessAborted(() => resolver.resolve(issuer, { signal }), signal)
  for (const key of keysOf(issuer, resolved)) {
    if (key.algorithm !== algorithm) continue
    if (await verifySignature(backend, key, await backend.prepareKey(key), raw, signed)) return
  }
  throw fault('it is not signed by its issuer')
}

function receiptLink(head: IpldMap, ran: CID): CID {
  const message = head['ucanto/message@7.0.0']
  const report = isMap(message) ? message.report : undefined
  const link = isMap(report) && Object.hasOwn(report, ran.toString()) ? report[ran.toString()] : undefined
  if (link === undefined || !isCid(link) || !isTokenCid(link)) throw fault('there is none for the invocation')
  return link
}

function decode(bytes: Uint8Array | undefined, limits: Limits): IpldMap {
  const value = bytes === undefined ? undefined : decodeBlock(bytes, limits)
  if (!isMap(value)) throw fault('it is not in the message')
  return value
}

function fault(reason: string): MalformedError {
  return new MalformedError('UCT-44', `the response holds no receipt to rely on: ${reason}`)
}
