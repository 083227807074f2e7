// node only: answers requests of node:http
import type { ServerResponse } from 'node:http'

/** Why a request was not passed on, or has no answer. CON-23 */
export interface Problem {
  readonly status: number
  readonly code:
    | 'gateway_unavailable'
    | 'key_missing'
    | 'misdirected'
    | 'not_signed'
    | 'outcome_unknown'
    | 'request_unbound'
    | 'web_page_refused'
  /** The fault and the remedy. */
  readonly detail: string
  /** Seconds after which the same request may have room. */
  readonly retryAfter?: number
}

/** Sends a problem document (RFC 9457), in the form of the denials of the gateway. */
export function answerProblem(response: ServerResponse, { status, code, detail, retryAfter }: Problem): void {
  if (response.destroyed || response.headersSent) return void response.destroy()
  const body = JSON.stringify({ title: titles[code], status, detail, code })
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    ...(code === 'key_missing' && { 'www-authenticate': 'Bearer' }),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    // The body of the request may be unread.
    connection: 'close',
  })
  response.end(body)
}

const titles: Readonly<Record<Problem['code'], string>> = Object.freeze({
  gateway_unavailable: 'The gateway cannot be reached',
  key_missing: 'Not a client of this machine',
  misdirected: 'Misdirected request',
  not_signed: 'The request was not signed',
  outcome_unknown: 'The outcome is unknown',
  request_unbound: 'Not a request of a call',
  web_page_refused: 'Not for web pages',
})
