// node only: connects to a socket
/**
 * The calls of a session that the gateway refused and an approval could permit. APR-86
 *
 * @module
 */

import type { Clock, Delegation, Invocation, Signer } from 'procura'
import type { Agent } from 'procura/agent'
import { startDeadline } from '#support/deadline.ts'
import { atHome } from '../../configuration/at-home.ts'
import { type ClientCall, denialKey, type Message, type RefusedAnswer, withText } from './answers.ts'
import { approvedContainer } from './approved-container.ts'
import { type Answered, askApproval, type Waiting } from './ask-approval.ts'
import type { GatewayConnection } from './connection-file.ts'
import { type Elicitor, type InResult, inputRequired, withoutAnswer } from './elicitations.ts'
import type { SigningAgent } from './follow-agent-file.ts'
import { nextStep, secondsLeft } from './next-step.ts'

/** The key of `_meta` of a container. */
const metaKey = 'xyz.ucan/container'

/** Milliseconds between two notifications of progress. */
const progressMs = 5_000

/** The parts that ask for approvals. */
export interface ApprovedCallsOptions {
  readonly connection: GatewayConnection
  readonly signer: Signer
  readonly current: () => Promise<Pick<Agent, 'can'>>
  readonly signing: SigningAgent
  readonly commandOf: (tool: string) => string
  readonly clock: Clock | undefined
  /** Seconds to wait for an answer when no client can ask. */
  readonly waitSeconds: number
  /** Makes the proof of a delegation for the server, if the gateway asks for one. */
  readonly prove: (challenge: string) => Promise<object>
  readonly elicitor: (call: ClientCall) => Elicitor | InResult | undefined
  /** Receives the reason for which no approval could be obtained. */
  readonly onFault: (message: string) => void
  /** Sends a message to the client. */
  readonly notify: (message: object) => Promise<void>
}

/** The calls that wait for approvals. */
export interface ApprovedCalls {
  /**
   * Asks for the approvals of a call.
   *
   * @returns the call with its approvals, to be sent; or the answer for the client; undefined if it does not wait any
   *   more.
   */
  settle(
    call: ClientCall,
    answer: RefusedAnswer,
  ): Promise<{ readonly call: Message } | { readonly answer: object } | undefined>
  /** Ends the wait of a call. Returns whether it waited. */
  cancel(id: unknown): boolean
  close(): void
}

/** Makes the table. */
export function createApprovedCalls(options: ApprovedCallsOptions): ApprovedCalls {
  const waiting = new Map<unknown, AbortController>()
  return {
    async settle(call, answer) {
      const controller = new AbortController()
      waiting.set(call.id, controller)
      try {
        const settled = await settleCall(call, answer, controller.signal, options)
        // It can be cancelled while it is signed again.
        return controller.signal.aborted ? undefined : settled
      } catch (error) {
        if (controller.signal.aborted) return undefined
        // Each failure is a no. The model gets the refusal of the gateway, and why nobody can approve the call.
        const reason = atHome(`no approval could be obtained: ${(error as Error).message}`, options.connection)
        options.onFault(reason)
        return { answer: withText(answer, `N${reason.slice(1)}.`) }
      } finally {
        waiting.delete(call.id)
      }
    },
    cancel(id) {
      const controller = waiting.get(id)
      controller?.abort()
      return controller !== undefined
    },
    close() {
      for (const controller of waiting.values()) controller.abort()
    },
  }
}

async function settleCall(
  call: ClientCall,
  answer: RefusedAnswer,
  signal: AbortSignal,
  options: ApprovedCallsOptions,
): Promise<{ readonly call: Message } | { readonly answer: object }> {
  const { connection, current, signing, commandOf } = options
  const { audience, subject } = connection
  const { name, arguments: args = {}, _meta } = call.params ?? {}
  const command = commandOf(String(name))
  const decision = await signing.authorize({ command, args: args as never, audience, subject, signal })
  if (!decision.ok) return { answer }
  const { invocation, proofs } = decision
  const denial = answer.result._meta[denialKey] as { readonly approvable: true }
  let shown: Waiting | undefined
  const answered = await ask({ denial, invocation }, call, signal, options, (one) => (shown = one))
  if (answered === 'ask') return { answer: inputRequired(call.id, shown as unknown as Waiting) }
  if (answered.kind !== 'approved') return { answer: explained(answer, answered, shown, options) }
  // The chain of the agent stays if it permits the call and approvals alone were missing, so that its limits count.
  const own = await (await current()).can(command, args as never, { subject })
  const chain = own.ok ? proofs : (answered.chains[0] as readonly Delegation[])
  const container = await approvedContainer(invocation, chain, answered.chains, options)
  const { params } = withoutAnswer(call)
  return { call: { ...call, params: { ...params, _meta: { ..._meta, [metaKey]: container } } } as Message }
}

/** Takes an answer that is there; otherwise asks the person by the client, and waits. */
async function ask(
  refused: { readonly denial: { readonly approvable: true }; readonly invocation: Invocation },
  call: ClientCall,
  signal: AbortSignal,
  { connection, signer, clock, waitSeconds, prove, elicitor, notify }: ApprovedCallsOptions,
  onShown: (waiting: Waiting) => void,
): Promise<Answered | 'ask'> {
  let shown: Waiting | undefined
  const once = (seconds: number, until: AbortSignal): Promise<Answered> =>
    askApproval({
      ...{ connection, signer, clock, prove, call: refused, waitSeconds: seconds, signal: until },
      onWaiting(waiting) {
        shown = waiting
        onShown(waiting)
      },
    })
  const first = await once(0, signal)
  if (first.kind !== 'waiting' || shown === undefined) return first
  const person = shown.url === undefined ? undefined : elicitor(call)
  const action = person !== undefined && 'action' in person ? person.action : 'accept'
  if (action === undefined) return 'ask'
  const canWait = person !== undefined && action === 'accept'
  const seconds = canWait ? secondsLeft(shown, clock) : action === 'decline' ? 0 : waitSeconds
  if (seconds === 0) return first
  const progress = reportProgress(call.params?._meta?.['progressToken'], shown, connection, notify)
  const [opened, ended] = [new AbortController(), new AbortController()]
  const wait = startDeadline([signal, ended.signal], seconds * 1_000)
  let timer: NodeJS.Timeout | undefined
  if (person !== undefined && 'open' in person)
    void person.open(shown, opened.signal).then((agreed) => {
      // A client that cannot ask is like one without elicitation.
      const rest = agreed === false ? 0 : waitSeconds
      if (agreed !== true) timer = setTimeout(() => ended.abort(), rest * 1_000)
    })
  try {
    return await once(seconds, wait.signal)
  } catch (error) {
    if (signal.aborted || !wait.signal.aborted) throw error
    return first
  } finally {
    opened.abort()
    clearTimeout(timer)
    clearInterval(progress)
    wait.end()
  }
}

/** The values grow by millionths, so that those of the server, which come later, are higher. */
function reportProgress(
  progressToken: unknown,
  { requests: [first] }: Waiting,
  connection: GatewayConnection,
  notify: ApprovedCallsOptions['notify'],
): NodeJS.Timeout | undefined {
  if (typeof progressToken !== 'string' && typeof progressToken !== 'number') return undefined
  let progress = 0
  const report = (): void => {
    progress += 0.000_001
    const message = atHome(`waiting for an approval: \`procura approve ${first?.id}\``, connection)
    void notify({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken, progress, message },
    })
  }
  report()
  return setInterval(report, progressMs)
}

/** The refusal of the gateway, with the next step for the model. */
function explained(
  answer: RefusedAnswer,
  answered: Answered,
  shown: Waiting | undefined,
  { connection, clock }: Pick<ApprovedCallsOptions, 'connection' | 'clock'>,
): object {
  const { result } = withText(answer, nextStep(answered, shown, connection, clock))
  const approval = answered.kind === 'waiting' && shown !== undefined ? { requests: shown.requests } : {}
  const _meta = { ...result._meta, [`${metaKey}.approval`]: { state: answered.kind, ...approval } }
  return { ...answer, result: { ...result, _meta } }
}
