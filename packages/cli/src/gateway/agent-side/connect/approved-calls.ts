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
import { type Answered, askApproval, type RefusedCall, type Waiting } from './ask-approval.ts'
import type { GatewayConnection } from './connection-file.ts'
import { type Elicitor, type InResult, inputRequired, withoutAnswer } from './elicitations.ts'
import type { AgentFile, SigningAgent } from './follow-agent-file.ts'
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
  readonly without: AgentFile['without']
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

/** The next step of a call: another call to be sent, or an answer for the client. */
export type Settled =
  | {
      readonly call: Message
      /** Whether its refusal is settled as well: it has another chain of the agent, and no approval. */
      readonly isOwn: boolean
    }
  | { readonly answer: object }

/** The calls that wait for approvals. */
export interface ApprovedCalls {
  /**
   * Asks for the approvals of a call.
   *
   * @returns the call with its approvals, to be sent; or the answer for the client; undefined if it does not wait any
   *   more.
   */
  settle(call: ClientCall, answer: RefusedAnswer): Promise<Settled | undefined>
  /** Ends the wait of a call. Returns whether it waited. */
  cancel(id: unknown): boolean
  close(): void
}

/** Makes the table. */
export function createApprovedCalls(options: ApprovedCallsOptions): ApprovedCalls {
  const waiting = new Map<unknown, AbortController>()
  const usedUp = new WeakMap<ClientCall, UsedUp>()
  return {
    async settle(call, answer) {
      const controller = new AbortController()
      waiting.set(call.id, controller)
      try {
        const used = usedUp.get(call) ?? { delegations: new Set() }
        usedUp.set(call, used)
        const settled = await settleCall(call, answer, controller.signal, used, options)
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

/** The delegations of an agent whose limit has less left than a call needs. */
interface UsedUp {
  readonly delegations: Set<string>
  /** The chain of the last try. Default: the one that the agent chooses. */
  chain?: readonly Delegation[]
}

/** Most delegations of an agent that are tried for a call. */
const mostTries = 16

async function settleCall(
  call: ClientCall,
  answer: RefusedAnswer,
  signal: AbortSignal,
  used: UsedUp,
  options: ApprovedCallsOptions,
): Promise<Settled> {
  const { connection, current, signing, commandOf } = options
  const { audience, subject } = connection
  const { name, arguments: args = {} } = call.params ?? {}
  const command = commandOf(String(name))
  const decision = await signing.authorize({ command, args: args as never, audience, subject, signal })
  if (!decision.ok) return { answer }
  const { invocation, proofs } = decision
  const denial = answer.result._meta[denialKey] as RefusedByLimit & { readonly approvable: true }
  const isExhausted = denial.code === 'limit_exhausted'
  const again = isExhausted ? await otherChain(denial, invocation, used.chain ?? proofs, used, options) : undefined
  if (again !== undefined) {
    used.chain = again
    return { call: withContainer(call, await approvedContainer(invocation, again, [], options)), isOwn: true }
  }
  let shown: Waiting | undefined
  const answered = await ask(
    { denial, invocation, proofs: used.chain ?? proofs },
    call,
    signal,
    options,
    (one) => (shown = one),
  )
  if (answered === 'ask') return { answer: inputRequired(call.id, shown as unknown as Waiting) }
  if (answered.kind !== 'approved') return { answer: explained(answer, answered, shown, options) }
  // The chain of the agent stays if it permits the call and approvals alone were missing, so that its limits count. One
  // that is used up gives way: the person was asked because of it.
  const own = isExhausted ? undefined : await (await current()).can(command, args as never, { subject })
  const chain = own?.ok === true ? own.proofs : (answered.chains[0] as readonly Delegation[])
  return {
    call: withContainer(call, await approvedContainer(invocation, chain, answered.chains, options)),
    isOwn: false,
  }
}

/** A refusal by a limit, and the place of its delegation in the chain. */
interface RefusedByLimit {
  readonly code?: unknown
  readonly at?: unknown
}

/** Another chain of the agent that permits the call. Its limit may have more left. APR-76 */
async function otherChain(
  { at }: RefusedByLimit,
  { command, args, subject }: Invocation,
  refused: readonly Delegation[],
  { delegations }: UsedUp,
  { without }: ApprovedCallsOptions,
): Promise<readonly Delegation[] | undefined> {
  const last = refused[Number(at)]
  if (last === undefined || delegations.size === mostTries) return undefined
  delegations.add(last.cid.toString())
  const own = await (await without(delegations)).can(command, args, { subject })
  return own.ok ? own.proofs : undefined
}

/** The call of a client with another container. */
function withContainer(call: ClientCall, container: string): Message {
  const { params } = withoutAnswer(call)
  return { ...call, params: { ...params, _meta: { ...call.params?._meta, [metaKey]: container } } } as Message
}

/** Takes an answer that is there; otherwise asks the person by the client, and waits. */
async function ask(
  refused: RefusedCall,
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
