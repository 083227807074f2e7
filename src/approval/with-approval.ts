import { encodeContainer } from '../core/container/container.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import { invoke } from '../core/invocation/invoke.ts'
import { ArgumentError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { startDeadline } from '../support/deadline.ts'
import {
  abortSignal,
  arrayOf,
  callback,
  didString,
  integerFrom,
  maybe,
  nonEmptyArrayOf,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { delegationCheck } from './approve.ts'
import { type ApprovalAnswer, readApprovalAnswer } from './read-answer.ts'
import {
  type ApprovableDenial,
  isApprovable,
  reasonCheck,
  requestApproval,
  type SentRequest,
} from './request-approval.ts'
import { maxRequestLifetime } from './tokens.ts'

/** A decision as a service reports it: a `Decision`, a `GuardResult`, or the response that a service sent. */
export type Attempt =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly denial?: ApprovableDenial | undefined }

type InvokeOptions = Parameters<typeof invoke>[0]

/** Options of {@link withApproval}. */
export interface WithApprovalOptions<Result extends Attempt> {
  /** The call, as for `invoke`. Its `proofs` are whole delegations, because they are sent. */
  readonly call: InvokeOptions & { readonly proofs?: readonly Delegation[] }
  /** The DIDs of the approvers. All of them are asked at the same time. */
  readonly approvers: readonly string[]
  /** How many of them have to approve. Default 1. */
  readonly threshold?: number
  /** The reason in the words of the agent, at most 500 characters. Default: none. */
  readonly reason?: string
  /** Sends a call to the service. */
  readonly send: (container: string) => Promise<Result>
  /**
   * Sends a request to its approver. Resolves with the answer, or with undefined when the approver does not answer. The
   * signal is aborted when the answer is no longer needed. An error counts as no answer.
   */
  readonly ask: (
    request: SentRequest,
    options: { readonly signal: AbortSignal },
  ) => Promise<string | Uint8Array | undefined>
  /** Called with each answer of an approver. Default: nothing is called. */
  readonly onAnswer?: (answer: ApprovalAnswer, request: SentRequest) => void
  /** Seconds in which the approvers can answer; at most 3,600. Default 600. */
  readonly expiresIn?: number
  /** Resolves the DIDs of approvers to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Ends the wait for answers. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes a call, and makes it once more with approvals if the service refuses it and approvals could permit it. A
 * refusal, an invalid answer and the end of the time are a no: the result is then the first one of the service.
 *
 * @returns the last result of `send`.
 * @throws ArgumentError when an option is missing or invalid; errors of `send`, and of the signer.
 *
 * @example
 * ```ts
 * import { withApproval } from 'procura/approval'
 *
 * const result = await withApproval({
 *   call: { issuer: agent, audience: service.did, command: send, args: { to: 'bob@example.com' }, proofs: [grant] },
 *   approvers: [owner.did],
 *   send: (container) => guard.use(container, () => 'sent'),
 *   ask: (request) => sendToOwner(request.container),
 * })
 * console.log(result.allowed)
 * ```
 */
export async function withApproval<Result extends Attempt>(options: WithApprovalOptions<Result>): Promise<Result> {
  const given = readOptions('withApproval', options, {
    call: objectValue,
    approvers: nonEmptyArrayOf(didString),
    threshold: withDefault(integerFrom(1), 1),
    reason: maybe(reasonCheck),
    send: callback,
    ask: callback,
    onAnswer: maybe(callback),
    expiresIn: withDefault(integerFrom(1, maxRequestLifetime), 600),
    resolver: maybe(withMethod('resolve')),
    signal: abortSignal,
  })
  const { call, send, threshold } = given
  const approvers = [...new Set(given.approvers)]
  if (threshold > approvers.length) {
    throw new ArgumentError('withApproval: `threshold` is more than the number of different `approvers`')
  }
  const fault = maybe(arrayOf(delegationCheck))(call.proofs)
  if (fault !== undefined) throw new ArgumentError(`withApproval: \`call.proofs\` ${fault}`)
  const proofs = [...(call.proofs ?? [])]
  const invocation = await invoke({ ...call, proofs })
  const first = await send(encodeContainer([invocation, ...proofs]))
  if (first.allowed) return first
  const { denial } = first
  if (denial === undefined || !isApprovable(denial)) return first
  const { issuer, clock } = call
  const requests = await Promise.all(
    approvers.map((approver) =>
      requestApproval(denial, {
        issuer,
        approver,
        invocation,
        expiresIn: given.expiresIn,
        ...(given.reason !== undefined && { reason: given.reason }),
        ...(clock !== undefined && { clock }),
      }),
    ),
  )
  const approvals = await collect(requests, { ...given, threshold })
  const [chain] = approvals
  if (chain === undefined) return first
  const { subject, service: audience, command, args } = requests[0] as SentRequest
  const again = await invoke({ ...withoutNonce(call), subject, audience, command, args, proofs: chain })
  return send(encodeContainer([again, ...approvals.flat()]))
}

/** APR-31: a nonce of the caller was used up. */
function withoutNonce(call: InvokeOptions): InvokeOptions {
  const { nonce: _, ...rest } = call
  return rest
}

type Collecting = Pick<WithApprovalOptions<Attempt>, 'ask' | 'onAnswer' | 'resolver' | 'signal' | 'call'> & {
  readonly threshold: number
  readonly expiresIn: number
}

/** Returns the chains of `threshold` approvals, or an empty list. */
async function collect(
  requests: readonly SentRequest[],
  { ask, onAnswer, resolver, signal, call, threshold, expiresIn }: Collecting,
): Promise<readonly (readonly Delegation[])[]> {
  const chains: (readonly Delegation[])[] = []
  const { clock } = call
  // APR-30: a timeout is a no.
  const done = new AbortController()
  const deadline = startDeadline([signal, done.signal], expiresIn * 1_000)
  const askOne = async (request: SentRequest): Promise<void> => {
    const received = await ask(request, { signal: deadline.signal })
    if (received === undefined || deadline.signal.aborted) return
    const answer = await readApprovalAnswer(received, {
      request,
      signal: deadline.signal,
      ...(resolver !== undefined && { resolver }),
      ...(clock !== undefined && { clock }),
    })
    onAnswer?.(answer, request)
    if (answer.answer === 'approved') chains.push(answer.proofs)
  }
  try {
    await new Promise<void>((resolve) => {
      let open = requests.length
      for (const request of requests) {
        unlessAborted(() => askOne(request), deadline.signal)
          .catch(() => undefined)
          .finally(() => {
            open -= 1
            if (chains.length >= threshold || open === 0) resolve()
          })
      }
    })
  } finally {
    done.abort()
    deadline.end()
  }
  return chains.length >= threshold ? chains.slice(0, threshold) : []
}
