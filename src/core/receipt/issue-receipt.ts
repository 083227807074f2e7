import type { CID } from 'multiformats/cid'
import { ArgumentError } from '../../errors.ts'
import { abortSignal, maybe, type OptionChecks, objectValue, readOptions, withMethod } from '../../support/options.ts'
import { never, secondsOf, systemClock } from '../../time.ts'
import { chooseExpiration, type LifetimeOptions, lifetimeChecks } from '../envelope/lifetime.ts'
import { newNonce } from '../envelope/nonce.ts'
import { sealInvocation } from '../invocation/invoke.ts'
import { isTokenCid } from '../ipld/cid.ts'
import { type IpldMap, type IpldValue, isCid } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'
import { type Outcome, type Receipt, readOutcome, receiptCommand } from './receipt.ts'

/** Options of {@link issueReceipt}. */
export interface IssueReceiptOptions extends LifetimeOptions {
  /** The service that executed the task, and signs. */
  readonly executor: Signer
  /** The task, as in `Invocation.task`. */
  readonly task: CID
  /** The outcome. */
  readonly outcome: Outcome
  /** Signed notes. Default: no notes. */
  readonly meta?: IpldMap
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Signs the outcome of a task. By default the receipt does not expire. Use `expiresIn` or `expiration` for an outcome
 * that does not last, such as an error that may be gone at the next try.
 *
 * @experimental The receipt specification is a draft; this is the form that is deployed.
 * @throws ArgumentError when an option is missing or not of its type.
 * @throws SigningError when the signer fails.
 */
export async function issueReceipt(options: IssueReceiptOptions): Promise<Receipt> {
  const given = readOptions('issueReceipt', options, optionChecks)
  const { executor, task, outcome, meta, clock = systemClock, signal } = given
  // RCP-08
  const expiration = chooseExpiration(given.expiresIn === undefined ? { expiration: never, ...given } : given, 0)
  const issuedAt = secondsOf(clock)
  const signed = await sealInvocation(
    {
      issuer: executor.did,
      subject: executor.did,
      command: receiptCommand,
      args: { ran: task, out: outcome as IpldMap },
      proofs: [],
      nonce: newNonce(executor),
      expiration,
      issuedAt,
      ...(meta !== undefined && { meta }),
    },
    executor,
    {
      signal,
      // An object with getters can return another outcome after the check.
      accept({ ran, out }) {
        if (!isTask(ran) || readOutcome(out) === undefined)
          throw new ArgumentError('`task` or `outcome` changed while it was read; pass values without getters')
      },
    },
  )
  // The values as signed: the objects that were passed in may have changed since.
  return Object.freeze({
    executor: signed.issuer,
    task: signed.args.ran as CID,
    outcome: readOutcome(signed.args.out) as Outcome,
    expiration,
    issuedAt,
    ...(signed.meta !== undefined && { meta: signed.meta }),
    cid: signed.cid,
    bytes: signed.bytes,
  })
}

function isTask(value: unknown): value is CID {
  return isCid(value) && isTokenCid(value)
}

const optionChecks: OptionChecks<IssueReceiptOptions> = Object.freeze({
  executor: withMethod('sign'),
  // A reader refuses a receipt for any other value.
  task: (value) => (isTask(value) ? undefined : 'must be a CID, as in `Invocation.task`'),
  outcome: (value) =>
    readOutcome(value as IpldValue | undefined) === undefined
      ? 'must be `{ ok }` or `{ error: { name, message } }`'
      : undefined,
  meta: maybe(objectValue),
  ...lifetimeChecks,
  signal: abortSignal,
})
