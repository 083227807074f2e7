import { withApproval } from '../approval/with-approval.ts'
import { openContainer } from '../core/authorization/open-container.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import { withinDeadline } from '../support/deadline.ts'
import {
  callback,
  didString,
  integerFrom,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import type { AgentAnswer, CallResult } from './agent.ts'
import { callTimeout, notPermitted, readReply, type Sending } from './call.ts'
import type { CallApproval } from './call-approval.ts'
import type { signedOptions } from './core.ts'
import type { Minter } from './mint.ts'
import type { CallReply } from './send-call.ts'

const approvalChecks = Object.freeze({
  approvers: nonEmptyArrayOf(didString),
  threshold: withDefault(integerFrom(1), 1),
  reason: maybe(nonEmptyString),
  expiresIn: withDefault(integerFrom(1, 3_600), 600),
  ask: callback,
}) satisfies OptionChecks<CallApproval>

/** A call that people may have to approve. */
export interface ApprovedSending<Value> extends Omit<Sending<Value>, 'decide'> {
  readonly minter: Minter
  readonly approval: CallApproval
  readonly onError: ((error: unknown) => void) | undefined
  readonly plan: (signal: AbortSignal) => Promise<AgentAnswer>
  readonly command: string | CommandDefinition
  readonly args: IpldMap
  readonly subject: Did | undefined
  readonly audience: Did | undefined
  readonly signed: ReturnType<typeof signedOptions>
}

interface Tried {
  readonly allowed: boolean
  readonly denial?: { readonly approvable?: unknown } | undefined
  /** Absent when nothing was sent. */
  readonly reply?: CallReply
  readonly invocation: Invocation
}

/**
 * Makes a call; if an approval could permit it, asks for approvals and makes it once more with them. AGT-19: a call
 * that the agent itself refuses is not sent before it is approved.
 */
export async function makeApprovedCall<Value>(sending: ApprovedSending<Value>): Promise<CallResult<Value>> {
  const { minter, command, args, audience, signal } = sending
  const approval = readOptions('`approval` of call', sending.approval, approvalChecks)
  const waitMs = sending.timeoutMs + approval.expiresIn * 1_000
  return withinDeadline(waitMs, { signals: [signal], reason: () => callTimeout(waitMs) }, async (within) => {
    const answer = await sending.plan(within)
    const proofs = answer.ok ? answer.proofs : (answer.closest ?? [])
    const subject = answer.ok ? answer.subject : (sending.subject ?? proofs[0]?.issuer)
    if (!answer.ok && (answer.denial.approvable === undefined || subject === undefined)) return notPermitted(answer)
    let isRefused = !answer.ok
    const tried = await withApproval<Tried>({
      ...approval,
      ask: reporting(approval.ask, sending.onError),
      onAnswer: (answer) => {
        if (answer.answer === 'invalid')
          quietly(() => sending.onError?.(new TypeError(`the answer of an approver is invalid: ${answer.message}`)))
      },
      call: {
        issuer: minter.signer,
        command: command as CommandDefinition<IpldMap>,
        args,
        proofs,
        clock: minter.clock,
        ...(subject !== undefined && { subject }),
        ...(audience !== undefined && { audience }),
        ...sending.signed,
      },
      ...(sending.resolver !== undefined && { resolver: sending.resolver }),
      signal: within,
      send: async (container) => {
        const { invocation, delegations } = await tokensOf(container)
        if (isRefused && !answer.ok) {
          isRefused = false
          return { allowed: false, denial: answer.denial, invocation }
        }
        const reply = await sending.send({ invocation, proofs: delegations, container }, { signal: within })
        return { allowed: reply.ok, reply, invocation, ...(!reply.ok && { denial: reply.denial }) }
      },
    })
    if (tried.reply !== undefined) return readReply(tried.reply, tried.invocation, sending, within)
    if (answer.ok) throw new TypeError('the call was neither refused nor sent')
    return notPermitted(answer)
  })
}

/** An `ask` whose mistakes are reported: each of them is a no for the call. */
function reporting(ask: CallApproval['ask'], onError: ApprovedSending<unknown>['onError']): CallApproval['ask'] {
  return async (request, asking) => {
    try {
      const answer: unknown = await ask(request, asking)
      if (answer === undefined || typeof answer === 'string' || answer instanceof Uint8Array) return answer
      throw new ArgumentError('`ask` must resolve with a string or a Uint8Array, such as `container` of the approval')
    } catch (error) {
      if (!asking.signal.aborted) quietly(() => onError?.(error))
      throw error
    }
  }
}

/** The tokens of a call: its chain, root first, and then the other approvals. */
async function tokensOf(
  container: string,
): Promise<{ readonly invocation: Invocation; readonly delegations: readonly Delegation[] }> {
  const { invocations, delegations } = await openContainer(container)
  const invocation = invocations[0] as Invocation
  const place = new Map(invocation.proofs.map((cid, index) => [String(cid), index]))
  const placeOf = ({ cid }: Delegation): number => place.get(String(cid)) ?? place.size
  return { invocation, delegations: [...delegations].sort((a, b) => placeOf(a) - placeOf(b)) }
}
