/**
 * Receipts of UCAN 0.9.1: the signed outcome of an invocation.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import type { Bounds } from '../bounds.ts'
import { type Did, isDid } from '../core/did/did.ts'
import { type DidResolver, keysOf } from '../core/did/resolver.ts'
import { bytesEqual } from '../core/ipld/bytes.ts'
import { digestKey, isTokenCid, tokenKey } from '../core/ipld/cid.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import { type IpldMap, type IpldValue, isCid, isMap } from '../core/ipld/value.ts'
import { verifySignature } from '../core/principal/signature.ts'
import { MalformedError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { decodeBlock, readCar } from './car.ts'
import { readSignatureFrame } from './signature-frame.ts'

/** A receipt whose signature has been verified. */
export interface UcantoReceipt {
  /** The DID of the service that executed the invocation and signed. */
  readonly issuer: Did
  /** The CID of the invocation. */
  readonly ran: CID
  /** The outcome: the result, or the failure. */
  readonly outcome: { readonly ok: IpldValue } | { readonly error: IpldValue }
  /** The effects that the service requests, as written. */
  readonly effects: IpldMap
  /** The CID of the receipt. */
  readonly cid: CID
}

/** Settings of {@link readReceipt}. */
export interface ReadReceiptContext {
  readonly bounds: Bounds
  /** The DID that must have signed. */
  readonly service: Did
  readonly resolver: DidResolver
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds the receipt of an invocation in an agent message, and verifies it.
 *
 * @param message - the bytes of a response.
 * @throws MalformedError when the receipt is missing, malformed, or not signed by the service.
 */
export async function readReceipt(message: Uint8Array, ran: CID, context: ReadReceiptContext): Promise<UcantoReceipt> {
  const { root, blocks } = readCar(message, context.bounds)
  const table = new Map<string, Uint8Array>()
  for (const { cid, bytes } of blocks) {
    if (digestKey(await backend.sha256(bytes)) !== tokenKey(cid))
      throw fault('the bytes of a block do not match the hash in its name')
    table.set(tokenKey(cid), bytes)
  }
  const cid = receiptLink(decode(table.get(tokenKey(root)), context.bounds), ran)
  return openReceipt({ cid, ran, bytes: table.get(tokenKey(cid)) }, context)
}

/** A receipt in a message, before it is read. */
export interface FoundReceipt {
  readonly cid: CID
  /** The CID of the invocation for which the message reports it. */
  readonly ran: CID
  /** Undefined when the message does not contain it. */
  readonly bytes: Uint8Array | undefined
}

/** Settings of {@link openReceipt}. */
export type OpenReceiptContext = Pick<ReadReceiptContext, 'bounds' | 'resolver' | 'signal'> &
  Partial<ReadReceiptContext>

/**
 * Reads a receipt, and verifies that its issuer signed it.
 *
 * @throws MalformedError when it is malformed, not signed by its issuer, or not issued by the given service.
 */
export async function openReceipt(
  { cid, ran, bytes }: FoundReceipt,
  context: OpenReceiptContext,
): Promise<UcantoReceipt> {
  const { bounds } = context
  const receipt = decode(bytes, bounds)
  const { ocm, sig } = receipt
  if (bytes === undefined || !isMap(ocm) || !bytesEqual(encodeCbor(receipt, 'receipt', bounds), bytes))
    throw fault('it is malformed')
  const { iss, out, fx } = ocm
  if (!isDid(iss) || iss !== (context.service ?? iss)) throw fault('it is not issued by the service')
  if (!isCid(ocm.ran as IpldValue) || !ran.equals(ocm.ran)) throw fault('it is for another invocation')
  if (!isMap(out) || Object.keys(out).length !== 1) throw fault('it must have exactly one outcome, `ok` or `error`')
  await verify(iss, sig, encodeCbor(ocm, 'receipt', bounds), context)
  if (out.ok === undefined && out.error === undefined) throw fault('it must have exactly one outcome, `ok` or `error`')
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
  if (link === undefined || !isCid(link) || !isTokenCid(link))
    throw fault('the response does not report the invocation')
  return link
}

function decode(bytes: Uint8Array | undefined, bounds: Bounds): IpldMap {
  const value = bytes === undefined ? undefined : decodeBlock(bytes, bounds)
  if (!isMap(value)) throw fault('it is missing in the response')
  return value
}

function fault(reason: string): MalformedError {
  return new MalformedError('UCT-44', `the receipt is not valid: ${reason}`)
}
