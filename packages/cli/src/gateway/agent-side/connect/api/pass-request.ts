// node only: sends requests over sockets
import { type ClientRequest, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http'
import type { Delegation, Invocation } from 'procura'
import { ArgumentError, MalformedError, ProcuraError } from 'procura/errors'
import { bindRequest } from 'procura/http/binding'
import { answerHeader } from '#support/answer-mark.ts'
import { readBody } from '#support/read-body.ts'
import { atHome } from '../../../configuration/at-home.ts'
import { apiCommand } from '../../../serve/api/api-command.ts'
import { longestBody } from '../../../serve/api/longest-body.ts'
import type { GatewayConnection } from '../connection-file.ts'
import type { SigningAgent } from '../follow-agent-file.ts'
import { type ApiSocket, GatewayFault, openApiSocket } from '../gateway-socket.ts'
import { passedHeaders } from './admit-request.ts'
import {
  answerRefusal,
  type GatewayRefusal,
  type RequestApprovals,
  readRefusal,
  settleRefusal,
} from './approve-request.ts'
import { answerProblem, type Problem } from './problem.ts'

/** The parts of a listener with which it passes requests on. */
export interface PassContext {
  readonly api: string
  readonly connection: GatewayConnection
  readonly signing: SigningAgent
  /** The key of the clients, which is not passed on. */
  readonly key: string | undefined
  /** Receives the faults of the gateway. */
  readonly onFault: (message: string) => void
  /** Asks for the approval of a refused request. */
  readonly approvals: RequestApprovals
}

/**
 * Signs a request for the API, and passes it on to the gateway over a connection of its own. The response streams. A
 * client that is gone ends the request. CON-22
 *
 * @param left - aborted when the connection of the client is closed. A request that is closed while it waits, and a
 *   response that waits for others of its connection, do not report that.
 *
 * A request that the gateway refuses, and an approval permits, is passed on once more. A second refusal is the answer.
 */
export async function passRequest(
  request: IncomingMessage,
  response: ServerResponse,
  left: AbortSignal,
  context: PassContext,
): Promise<void> {
  if (left.aborted) return
  // The digest of the body is signed, so it is read first.
  const body = await readBody(request, longestBody, Number(request.headers['content-length'] ?? 0))
  if (typeof body === 'string') return answerProblem(response, bodyProblems[body])
  let signed: SignedRequest
  const opened = await openFor(context)
  if ('status' in opened) return answerProblem(response, opened)
  try {
    signed = await sign(request, body, opened.origin, context)
  } catch (error) {
    opened.socket.destroy()
    return answerProblem(response, { status: 400, code: 'not_signed', detail: reasonOf(error) })
  }
  // A client that has left already is not reported again, and its request would keep its place for ever.
  if (left.aborted) return void opened.socket.destroy()
  const refusal = await exchange(send(request, body, signed.container, opened, context), response, left)
  if (refusal === undefined) return
  const settled = await settleRefusal({ ...signed, body }, left, context.approvals)
  if (typeof settled !== 'string') return answerRefusal(response, refusal, settled)
  const again = await openFor(context)
  if ('status' in again) return answerProblem(response, again)
  if (left.aborted) return void again.socket.destroy()
  const second = await exchange(send(request, body, settled, again, context), response, left)
  if (second !== undefined) answerRefusal(response, second, secondRefusal)
}

const secondRefusal = Object.freeze({
  state: 'used',
  next: 'The call was approved, and the gateway has refused it again; do not repeat it unchanged.',
})

async function openFor({ connection, api, onFault }: PassContext): Promise<ApiSocket | Problem> {
  try {
    return await openApiSocket(connection, api)
  } catch (error) {
    const detail = atHome(error instanceof Error ? error.message : 'unknown error', connection)
    onFault(detail)
    const isBusy = error instanceof GatewayFault && error.code === 'too_many'
    return { status: 503, code: 'gateway_unavailable', detail, ...(isBusy && { retryAfter: 1 }) }
  }
}

interface SignedRequest {
  readonly container: string
  readonly invocation: Invocation
  readonly proofs: readonly Delegation[]
}

async function sign(
  { method = 'GET', url = '' }: IncomingMessage,
  body: Uint8Array,
  origin: string,
  { api, connection: { audience, subject }, signing }: PassContext,
): Promise<SignedRequest> {
  const args = await bindRequest({ url: `${origin}${url}`, method, body })
  const decision = await signing.authorize({ command: apiCommand(api), args: { ...args }, audience, subject })
  if (!decision.ok) throw new ArgumentError('the delegations of the agent cannot be used')
  return decision
}

function reasonOf(error: unknown): string {
  if (error instanceof MalformedError && error.kind === 'too_large')
    return `the request is too large to be signed: ${error.message}`
  return error instanceof ProcuraError
    ? error.message.replace(/^bindRequest: `url`/, 'the path and the query')
    : 'the key or the delegations of the agent cannot be read'
}

function send(
  { method, url, rawHeaders }: IncomingMessage,
  body: Uint8Array,
  container: string,
  { socket, origin }: ApiSocket,
  { key }: PassContext,
): ClientRequest {
  const headers = passedHeaders(rawHeaders, key)
  headers.push('Host', new URL(origin).host, 'X-UCAN-Container', container, 'Connection', 'close')
  if (body.length > 0) headers.push('Content-Length', String(body.length))
  const sent = openRequest({ createConnection: () => socket, method, path: url, headers, setHost: false } as object)
  sent.end(body)
  return sent
}

/**
 * Passes the response on as it comes.
 *
 * @returns a refusal of the gateway that an approval could change, which is not passed on.
 */
function exchange(
  sent: ClientRequest,
  response: ServerResponse,
  left: AbortSignal,
): Promise<GatewayRefusal | undefined> {
  return new Promise((settle) => {
    const end = (refusal?: GatewayRefusal): void => {
      response.off('close', leave)
      left.removeEventListener('abort', leave)
      settle(refusal)
    }
    const leave = (): void => {
      sent.destroy()
      end()
    }
    response.once('close', leave)
    left.addEventListener('abort', leave)
    sent.once('error', () => answerProblem(response, lost))
    sent.once('response', (received) => {
      // GTW-67
      if (received.headers[answerHeader] === 'refused') {
        void readRefusal(received).then(
          (refusal) => {
            if (refusal.isApprovable) return end(refusal)
            response.writeHead(refusal.status, refusal.headers)
            response.end(refusal.body)
          },
          () => answerProblem(response, lost),
        )
        return
      }
      // A body that breaks off must not look complete.
      received.once('aborted', () => response.destroy()).once('error', () => response.destroy())
      response.writeHead(received.statusCode ?? 502, passedHeaders(received.rawHeaders))
      response.flushHeaders()
      received.pipe(response)
    })
  })
}

const lost: Problem = Object.freeze({
  status: 502,
  code: 'outcome_unknown',
  detail:
    'the connection to the gateway ended during this request, which may have been executed; find out whether it was before you repeat it',
})

type BodyFault = 'broken off' | 'too long'

const bodyProblems: Readonly<Record<BodyFault, Problem>> = Object.freeze({
  'too long': {
    status: 413,
    code: 'request_unbound',
    detail: `the body is longer than ${longestBody} bytes; send less at a time`,
  },
  'broken off': { status: 400, code: 'request_unbound', detail: 'the body is incomplete; send it again' },
})
