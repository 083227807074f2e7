/** The key of `_meta` for the reason, as in the denials of `procura/mcp`. */
export const denialKey = 'xyz.ucan/container.denial'

/** The id of a request of JSON-RPC. */
export type RequestId = string | number

/** A message of JSON-RPC, read from a line. */
export interface Message {
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
}

/** A call of a tool, as its client has sent it. */
export interface ClientCall extends Message {
  readonly id: RequestId
  readonly params?: {
    readonly name?: unknown
    readonly arguments?: Readonly<Record<string, unknown>>
    readonly _meta?: Readonly<Record<string, unknown>>
    /** Answers to requests in an earlier result. */
    readonly inputResponses?: Readonly<Record<string, unknown>>
  }
}

/** The answer of the gateway to a call that it refused. */
export interface RefusedAnswer {
  readonly id: RequestId
  readonly result: {
    readonly content: readonly { readonly type: string; readonly text?: string }[]
    readonly _meta: Readonly<Record<string, unknown>>
  }
}

/** Whether a message is an answer that an approval could change. */
export function isApprovable(message: unknown): message is RefusedAnswer {
  const { result } = Object(message) as { readonly result?: { readonly _meta?: unknown; readonly content?: unknown } }
  const denial: unknown = Object(Object(result)._meta)[denialKey]
  return Object(denial).approvable === true && Array.isArray(Object(result).content)
}

/** Whether a message is the refusal of a call whose tool is not the accepted one. */
export function isOfChangedTool(message: unknown): message is RefusedAnswer {
  const { result } = Object(message) as { readonly result?: { readonly _meta?: unknown; readonly content?: unknown } }
  const denial: unknown = Object(Object(result)._meta)[denialKey]
  return Object(denial).code === 'tool_changed' && Array.isArray(Object(result).content)
}

/** The answer with a sentence more. */
export function withText(answer: RefusedAnswer, more: string): RefusedAnswer {
  const [first, ...rest] = answer.result.content
  const text = `${first?.text ?? ''} ${more}`.trim()
  return { ...answer, result: { ...answer.result, content: [{ ...first, type: 'text', text }, ...rest] } }
}

/** Why a request has no answer of its server. */
export interface Failure {
  readonly code: 'gateway_unavailable' | 'outcome_unknown' | 'not_signed'
  /** One line with the fault and the remedy. */
  readonly message: string
  /** Whether there is no gateway: the client may be shown what it saw last. */
  readonly isAbsent?: boolean
}

/** The answer to a request that did not reach its server. A model sees the result of a tool, not an error. CON-07 */
export function failedAnswer(id: RequestId, method: unknown, { code, message }: Failure): object {
  if (method !== 'tools/call') return { jsonrpc: '2.0', id, error: { code: -32_000, message, data: { code } } }
  const begin = code === 'outcome_unknown' ? 'Outcome unknown' : 'Not executed'
  return {
    jsonrpc: '2.0',
    id,
    result: {
      content: [{ type: 'text', text: `${begin} (${code}): ${message}.` }],
      isError: true,
      _meta: { [denialKey]: { code, message } },
    },
  }
}

/** The answer to a line that is not a request. */
export function malformedAnswer(code: -32_600 | -32_700, message: string): object {
  return { jsonrpc: '2.0', id: null, error: { code, message } }
}
