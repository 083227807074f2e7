// node only: connects to a socket
/**
 * The requests of HTTP clients that the gateway refused and an approval could permit. CON-26
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Delegation, Invocation, Signer } from 'procura'
import type { Agent } from 'procura/agent'
import { atHome } from '../../../configuration/at-home.ts'
import { approvedContainer } from '../approved-container.ts'
import { type Answered, askApproval, type Waiting } from '../ask-approval.ts'
import type { GatewayConnection } from '../connection-file.ts'
import { nextStep } from '../next-step.ts'
import { passedHeaders } from './admit-request.ts'

/** Most bytes of a refusal, in which the literals of a policy are. */
const mostBytes = 262_144

/** A refusal of the gateway: a problem document. */
export interface GatewayRefusal {
  readonly status: number
  readonly headers: string[]
  readonly body: Buffer
  /** Whether an approval could change it. */
  readonly isApprovable: boolean
}

/**
 * Reads a response that the gateway has marked as its refusal.
 *
 * @throws when it is too long, or breaks off.
 */
export async function readRefusal(received: IncomingMessage): Promise<GatewayRefusal> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of received as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) throw new Error('the refusal is too long')
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  const headers = passedHeaders(received.rawHeaders)
  return { status: received.statusCode ?? 502, headers, body, isApprovable: problemIn(body)?.['approvable'] === true }
}

function problemIn(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    return Object(JSON.parse(body.toString('utf8'))) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

/** The parts that ask for approvals. */
export interface RequestApprovals {
  readonly connection: GatewayConnection
  readonly signer: Signer
  readonly current: () => Promise<Pick<Agent, 'can'>>
  readonly prove: (challenge: string) => Promise<object>
  readonly clock: Clock | undefined
  /** Seconds for which a request waits for its answer. */
  readonly waitSeconds: number
  readonly onFault: (message: string) => void
}

/** The call of a refused request. */
export interface RefusedRequest {
  readonly invocation: Invocation
  readonly proofs: readonly Delegation[]
  readonly body: Uint8Array
}

/**
 * Asks the approvers of a refused request.
 *
 * @param signal - aborted when the client is gone, which then takes no answer.
 * @returns the container of the request with its approval; or the members that the refusal gets.
 */
export async function settleRefusal(
  refused: RefusedRequest,
  signal: AbortSignal,
  parts: RequestApprovals,
): Promise<string | Readonly<Record<string, unknown>>> {
  const { connection, signer, clock, prove, waitSeconds, current, onFault } = parts
  const { invocation, proofs, body } = refused
  let shown: Waiting | undefined
  let answered: Answered
  try {
    answered = await askApproval({
      ...{ connection, signer, clock, prove, waitSeconds, signal, body },
      call: { denial: { approvable: true }, invocation, proofs },
      onWaiting: (waiting) => (shown = waiting),
    })
    if (answered.kind === 'approved') {
      // The chain of the agent stays if it permits the call and approvals alone were missing, so that its limits count.
      const { command, args, subject } = invocation
      const own = await (await current()).can(command, args as never, { subject })
      const chain = own.ok ? proofs : (answered.chains[0] as readonly Delegation[])
      return await approvedContainer(invocation, chain, answered.chains, { signer, clock })
    }
  } catch (error) {
    // Each failure is a no.
    const reason = atHome(`no approval could be obtained: ${(error as Error).message}`, connection)
    if (!signal.aborted) onFault(reason)
    return { state: 'unavailable', next: `N${reason.slice(1)}.` }
  }
  const { isEnrolled: _, ...waiting } = shown ?? { isEnrolled: false }
  return {
    state: answered.kind,
    ...(answered.kind === 'waiting' && waiting),
    next: nextStep(answered, shown, connection, clock),
  }
}

/** The refusal with its members, for the client. */
export function answerRefusal(
  response: ServerResponse,
  { status, headers, body: refused }: GatewayRefusal,
  approval: Readonly<Record<string, unknown>>,
): void {
  if (response.destroyed) return
  const problem = problemIn(refused) ?? {}
  const body = JSON.stringify({
    ...problem,
    detail: [problem['detail'], approval['next']].filter(Boolean).join('. '),
    approval,
  })
  response.writeHead(status, [...headers, 'content-length', String(Buffer.byteLength(body))])
  response.end(body)
}
