import type { CID } from 'multiformats/cid'
import { backend as platformBackend } from '#backend'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  abortSignal,
  anything,
  maybe,
  type OptionCheck,
  type OptionChecks,
  orEmpty,
  readOptions,
  refusePromise,
  withMethod,
} from '../../support/options.ts'
import type { Did } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import { type DidResolver, keyResolver, keysOf } from '../did/resolver.ts'
import { completeDecoding, type Decoding, decodingChecks, isLenient } from '../envelope/complete-decoding.ts'
import { type DecodeOptions, type Envelope, openEnvelope } from '../envelope/open.ts'
import { readInvocationPayload } from '../invocation/payload.ts'
import { bytesEqual } from '../ipld/bytes.ts'
import { cidOf, isTokenCid } from '../ipld/cid.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { type IpldValue, isBytes, isCid, isMap } from '../ipld/value.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import { verifySignature } from '../principal/signature.ts'
import { type Outcome, type Receipt, readOutcome, receiptCommand } from './receipt.ts'

/** Options of {@link verifyReceipt}. */
export interface VerifyReceiptOptions extends DecodeOptions {
  /** The DID of the service that should have executed the task. */
  readonly executor: string
  /** The requested task, as in `Invocation.task`. */
  readonly task: CID
  /**
   * The value that a guard returned for the task. A guard signs its hash; a receipt for another value, or without a
   * hash, is not accepted. Default: the outcome is not compared. `undefined` is not a value: leave the option out.
   */
  readonly value?: IpldValue
  /** Resolves DIDs to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** The cryptography. Default: the platform's. */
  readonly backend?: CryptoBackend
  /** Aborts resolution. */
  readonly signal?: AbortSignal | undefined
}

/** Why a receipt was not accepted. */
export type ReceiptFault =
  | 'malformed'
  | 'executor_mismatch'
  | 'task_mismatch'
  | 'key_unresolved'
  | 'signature_invalid'
  | 'value_mismatch'

/**
 * The answer of {@link verifyReceipt}. `receipt.expiration` is the time until which the executor upholds the outcome.
 * The caller decides whether a receipt is still of use after that time.
 */
export type ReceiptVerdict =
  | { readonly verified: true; readonly receipt: Receipt }
  | { readonly verified: false; readonly fault: ReceiptFault; readonly message: string }

/**
 * Verifies a receipt: its form, its task, its executor, the executor's signature and, with `value`, the value. Invalid
 * bytes are a verdict, not an error.
 *
 * @experimental The receipt specification is a draft; this is the form that is deployed.
 * @throws ArgumentError when an option is missing or not of its type, or `value` cannot be encoded as DAG-CBOR.
 * @throws ResolutionError when the resolver returns something other than keys.
 *
 * @example
 * ```ts
 * import { verifyReceipt } from 'procura/receipt'
 *
 * const verdict = await verifyReceipt(receipt, { executor: service.did, task: call.task, value })
 * console.log(verdict.verified ? verdict.receipt.outcome : verdict.message)
 * ```
 */
export async function verifyReceipt(bytes: Uint8Array, options: VerifyReceiptOptions): Promise<ReceiptVerdict> {
  refusePromise('bytes', bytes)
  const given = readOptions('verifyReceipt', options, optionChecks)
  const { resolver = keyResolver(), backend = platformBackend, signal } = given
  const executor = didOption('executor', given.executor)
  // RCP-09: A response without its value must not skip the comparison.
  if (given.value === undefined && 'value' in options) {
    throw new ArgumentError(
      'verifyReceipt: `value` is undefined; omit the option to verify a receipt without its value',
    )
  }
  // A copy of the value as bytes: it may change while a resolver is waited for.
  const value = given.value === undefined ? undefined : encodeCbor(given.value, 'value')
  let opened: OpenReceipt
  try {
    opened = openReceipt(bytes, completeDecoding(given))
  } catch (error) {
    if (error instanceof MalformedError) return refuse('malformed', error.message)
    throw error
  }
  const { envelope, ...fields } = opened
  // RCP-02
  if (fields.executor !== executor)
    return refuse('executor_mismatch', `the receipt is from ${fields.executor}, not from the expected ${executor}`)
  // RCP-03: The bytes are compared, which are the part that `isCid` checks in a CID of another implementation.
  if (!bytesEqual(fields.task.bytes, given.task.bytes))
    return refuse('task_mismatch', 'the receipt is for another task')
  const call = { signal }
  const resolved = await unlessAborted(() => resolver.resolve(executor, call), signal)
  if (resolved === undefined)
    return refuse('key_unresolved', `no key is known for ${executor}; pass a \`resolver\` for its DID method`)
  for (const key of keysOf(executor, resolved)) {
    if (key.algorithm !== envelope.algorithm) continue
    const prepared = await backend.prepareKey(key)
    if (!(await verifySignature(backend, key, prepared, envelope.signature, envelope.signed))) continue
    if (value !== undefined && !isHashed(fields.outcome, await backend.sha256(value))) {
      return refuse('value_mismatch', 'the receipt is not for this value')
    }
    const cid = cidOf(await backend.sha256(envelope.bytes))
    return Object.freeze({ verified: true, receipt: Object.freeze({ ...fields, cid, bytes: envelope.bytes }) })
  }
  // RCP-04
  return refuse('signature_invalid', 'the receipt is not signed by its executor')
}

/** Whether the outcome is the hash of a value, as a guard signs it. */
function isHashed(outcome: Outcome, digest: Uint8Array): boolean {
  const result = 'ok' in outcome ? outcome.ok : undefined
  return isMap(result) && Object.keys(result).length === 1 && isBytes(result.hash) && bytesEqual(result.hash, digest)
}

const link: OptionCheck = (value) => (isCid(value) ? undefined : 'must be a CID')

const optionChecks: OptionChecks<VerifyReceiptOptions> = Object.freeze({
  ...decodingChecks,
  executor: anything,
  task: link,
  value: orEmpty(anything),
  resolver: maybe(withMethod('resolve')),
  backend: maybe(withMethod('verify')),
  signal: abortSignal,
})

type OpenReceipt = Omit<Receipt, 'cid' | 'bytes'> & { readonly envelope: Envelope }

/** Reads a receipt. RCP-07: its `exp` is reported and not enforced. */
function openReceipt(bytes: Uint8Array, decoding: Decoding): OpenReceipt {
  if (!(bytes instanceof Uint8Array)) throw new MalformedError('RCP-01', 'the receipt is not a Uint8Array')
  const envelope = openEnvelope(new Uint8Array(bytes), decoding.bounds, decoding.accept)
  const { aud, ...others } = envelope.payload
  // RCP-06: an earlier draft names the executor here.
  const payload = aud === envelope.payload.iss ? Object.assign(Object.create(null), others) : envelope.payload
  const fields =
    envelope.tag.kind === 'invocation' ? readInvocationPayload(payload, isLenient(envelope, decoding)) : undefined
  const task = fields?.args.ran
  const outcome = readOutcome(fields?.args.out)
  if (
    fields === undefined ||
    fields.command !== receiptCommand ||
    fields.issuer !== fields.subject ||
    fields.audience !== undefined ||
    fields.proofs.length > 0 ||
    Object.keys(fields.args).length !== 2 ||
    !isCid(task) ||
    !isTokenCid(task) ||
    outcome === undefined
  ) {
    throw new MalformedError('RCP-01', 'the token is not a receipt')
  }
  const { expiration, issuedAt, meta } = fields
  return {
    envelope,
    executor: fields.issuer as Did,
    task,
    outcome,
    expiration,
    ...(issuedAt !== undefined && { issuedAt }),
    ...(meta !== undefined && { meta }),
  }
}

function refuse(fault: ReceiptFault, message: string): ReceiptVerdict {
  return Object.freeze({ verified: false, fault, message })
}
