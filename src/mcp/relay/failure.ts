/** Why the calls of a session end early. */
export type EndCode = 'cancelled' | 'client_ended' | 'server_ended' | 'closed'

/** The reason with which the calls of a session are aborted. Its code is recorded. */
export class CallEnded extends Error {
  readonly code: EndCode

  constructor(code: EndCode) {
    super(texts[code])
    this.name = 'CallEnded'
    this.code = code
  }
}

/**
 * An allowed call that has no result, for programs. It is in `_meta` of the result, under the key of the container with
 * `.failure`.
 */
export interface RelayFailure {
  /** `server_ended`, `closed`, `stopped` or `failed`. */
  readonly code: string
  readonly message: string
  /** Whether the call was sent to the server, so that it may have had its effect. */
  readonly sent: boolean
}

const texts: Readonly<Record<EndCode | 'stopped' | 'failed', string>> = Object.freeze({
  cancelled: 'the client cancelled the call',
  client_ended: 'the client ended',
  server_ended: 'the server of the tool ended before it answered',
  closed: 'the service is closing',
  stopped: 'the service waited no longer for the server of the tool, because of a time limit or because it is closing',
  failed: 'the server of the tool was not reached, or its answer is invalid',
})

/** The result of a tool call without an answer. */
export interface FailureResult {
  readonly content: readonly [{ readonly type: 'text'; readonly text: string }]
  readonly isError: true
  readonly _meta: { readonly [key: string]: RelayFailure }
}

/** A failure as the result of a tool, with one line for the model. It contains nothing of the error. MCP-25 */
export function failureResult(key: string, code: EndCode | 'stopped' | 'failed', sent: boolean): FailureResult {
  const message = texts[code]
  const advice = sent
    ? 'The call may have had its effect; check before you repeat it.'
    : 'The call was not sent, and may be repeated.'
  return {
    content: [{ type: 'text', text: `Failed (${code}): ${message}. ${advice}` }],
    isError: true,
    _meta: { [`${key}.failure`]: { code, message, sent } },
  }
}
