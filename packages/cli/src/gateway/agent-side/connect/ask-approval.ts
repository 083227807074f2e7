// node only: connects to a socket
/**
 * Hands in the requests for the approval of a call, and waits for the answers.
 *
 * @module
 */

import { type Clock, type Delegation, encodeContainer, type Invocation, type Signer } from 'procura'
import { readApprovalAnswer, requestApproval } from 'procura/approval'
import { isRequestOf, type KeptRequest, readKeptRequest } from '../../serve/approvals/kept-request.ts'
import { mostShownBytes } from '../../serve/approvals/request-body.ts'
import type { GatewayConnection } from './connection-file.ts'
import { type GatewaySocket, openGatewaySocket } from './gateway-socket.ts'

/** A refused call that an approval could permit. */
export interface RefusedCall {
  readonly denial: Parameters<typeof requestApproval>[0]
  readonly invocation: Invocation
  /** The chain of the agent. */
  readonly proofs: readonly Delegation[]
}

/** A request that waits for an approver. */
export interface WaitingRequest {
  /** For `procura approve`. */
  readonly id: string
  readonly approver: string
  readonly expiration: number
}

/** The requests of a call that wait. */
export interface Waiting {
  readonly requests: readonly WaitingRequest[]
  /** How many of the approvers have to approve. */
  readonly threshold: number
  /** The address of the page that opens the requests, if the gateway has one. */
  readonly url: string | undefined
  /** Whether a person can approve them there. */
  readonly isEnrolled: boolean
}

/** The end of a wait. */
export type Answered =
  | { readonly kind: 'approved'; readonly chains: readonly (readonly Delegation[])[] }
  | { readonly kind: 'refused'; readonly reason: string | undefined }
  | { readonly kind: 'waiting' | 'gone' }

/** Options of {@link askApproval}. */
export interface AskApprovalOptions {
  readonly connection: GatewayConnection
  readonly signer: Signer
  readonly call: RefusedCall
  /** The body of a request to an API, whose digest is an argument of the call. The approver sees it. */
  readonly body?: Uint8Array
  /** Seconds to wait for the answers; 0 takes those that are there. */
  readonly waitSeconds: number
  readonly clock: Clock | undefined
  readonly signal: AbortSignal
  /** Makes the proof of a delegation for the server, if the gateway asks for one. */
  readonly prove: (challenge: string) => Promise<object>
  /** Called when the requests are with the gateway. */
  readonly onWaiting: (waiting: Waiting) => void
}

/** Seconds for which a request can be answered, and its approval be used. APR-81 */
const requestSeconds = 1_800

/**
 * Asks the approvers of a call.
 *
 * @throws when the gateway cannot be reached, refuses, or answers with something else.
 */
export async function askApproval(options: AskApprovalOptions): Promise<Answered> {
  const { connection, call, signal, prove } = options
  const { command, subject } = call.invocation
  const socket = await openGatewaySocket(connection, { approvals: { command, subject } }, prove)
  const end = (): void => socket.close()
  signal.addEventListener('abort', end)
  try {
    signal.throwIfAborted()
    return await converse(socket, options)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

async function converse(socket: GatewaySocket, options: AskApprovalOptions): Promise<Answered> {
  const { signer, call, body, waitSeconds, clock, signal, onWaiting } = options
  const { approvers, threshold, page, enrolled } = socket.answer as {
    readonly approvers: readonly string[]
    readonly threshold: number
    readonly page?: unknown
    readonly enrolled?: unknown
  }
  const sent = await Promise.all(
    approvers.map((approver) =>
      requestApproval(call.denial, {
        ...{ issuer: signer, approver, invocation: call.invocation, expiresIn: requestSeconds },
        ...(clock !== undefined && { clock }),
      }),
    ),
  )
  const requests = sent.map(({ container }) => container)
  await socket.send(JSON.stringify({ requests, wait: waitSeconds, ...bodyMember(body), ...chainMember(call) }))
  const { waiting } = await lineOf<{ readonly waiting: readonly { readonly container: string }[] }>(socket)
  const kept = await Promise.all(waiting.map(({ container }) => ownRequest(container, options)))
  const [first] = kept
  if (first === undefined) throw new TypeError('no request waits')
  onWaiting({
    requests: kept.map(({ id, request: { approver, expiration } }) => ({ id, approver, expiration })),
    threshold,
    url: isPage(page) ? `${page}#${first.id}` : undefined,
    isEnrolled: enrolled === true,
  })
  const { answers, gone } = await lineOf<{
    readonly answers: readonly { readonly request: string; readonly answer: string }[]
    readonly gone?: boolean
  }>(socket)
  if (gone === true) return { kind: 'gone' }
  if (answers.length === 0) return { kind: 'waiting' }
  // An unconfirmed answer stays with the gateway, for the next call.
  signal.throwIfAborted()
  await socket.send('{"received":true}')
  const { settled } = await lineOf<{ readonly settled: boolean }>(socket)
  if (!settled) return { kind: 'waiting' }
  return readAnswers(answers, kept, { threshold, clock })
}

/** A body that is too long to be shown is not sent: the request has its digest. */
function bodyMember(body: Uint8Array | undefined): { readonly body?: string } {
  if (body === undefined || body.length === 0 || body.length > mostShownBytes) return {}
  return { body: Buffer.from(body).toString('base64') }
}

/** An approver sees who has passed the authority on. The gateway has the chain already. */
function chainMember({ proofs }: RefusedCall): { readonly chain?: string } {
  return proofs.length > 1 ? { chain: encodeContainer([...proofs]) } : {}
}

async function lineOf<T>(socket: GatewaySocket): Promise<T> {
  const { value } = await socket.lines[Symbol.asyncIterator]().next()
  if (typeof value !== 'string') throw new TypeError('the gateway ended the connection')
  const read = JSON.parse(value) as T & { readonly error?: { readonly message?: unknown } }
  if (read.error !== undefined) throw new TypeError(`the gateway refuses: ${String(read.error.message)}`)
  return read
}

/** A request that this agent has signed for this call. The gateway may return an earlier one. */
async function ownRequest(container: string, { signer, call, clock }: AskApprovalOptions): Promise<KeptRequest> {
  const read = await readKeptRequest(container, { agents: [signer.did], clock })
  const { audience, subject, command, args } = call.invocation
  const wanted = { service: audience ?? subject, subject, command, args }
  if ('code' in read || !isRequestOf(read.request, wanted))
    throw new TypeError('the gateway returned a request of another call')
  return read
}

/** Only an approval of one of these requests is a yes. The gateway verifies it again. */
async function readAnswers(
  answers: readonly { readonly request: string; readonly answer: string }[],
  kept: readonly KeptRequest[],
  { threshold, clock }: { readonly threshold: number; readonly clock: Clock | undefined },
): Promise<Answered> {
  const chains: (readonly Delegation[])[] = []
  let reason: string | undefined
  for (const { request: container, answer } of answers) {
    const one = kept.find((request) => request.container === container)
    if (one === undefined) continue
    const read = await readApprovalAnswer(answer, { request: one.request, ...(clock !== undefined && { clock }) })
    if (read.answer === 'approved') chains.push(read.proofs)
    if (read.answer === 'refused') reason ??= read.reason
  }
  return chains.length >= threshold && chains.length > 0 ? { kind: 'approved', chains } : { kind: 'refused', reason }
}

/** The page is on this machine, under the name of its run: the gateway has no other place for it. */
function isPage(page: unknown): page is string {
  return typeof page === 'string' && /^http:\/\/[a-z2-7]{16}\.localhost:\d{1,5}\/$/.test(page)
}
