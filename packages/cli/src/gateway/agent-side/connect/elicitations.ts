// node only: its users read streams

import type { ClientCall, Message } from './answers.ts'
import type { Waiting } from './ask-approval.ts'
import type { Write } from './options.ts'

/** The client is asked by a request. */
export interface Elicitor {
  /** Asks the client to open the page. Resolves whether the person agreed; undefined when the client cannot ask. */
  open(waiting: Waiting, signal: AbortSignal): Promise<boolean | undefined>
}

/** The client is asked by the result of the call, and repeats the call with the action of its user. */
export interface InResult {
  /** Undefined in the first call. */
  readonly action: unknown
}

/** The requests by which the client asks its user to open the page for approvals. APR-88 */
export interface Elicitations {
  /** The way to ask for a call. Undefined if the client cannot open a page. */
  current(call: ClientCall): Elicitor | InResult | undefined
  /** Takes a message of the client. Returns true for an answer to one of these requests, which is not passed on. */
  take(message: Message): boolean
}

/** The answer of a client: the action of its user, or an error. */
interface Answer extends Message {
  readonly result?: { readonly action?: unknown }
}

/** Makes them for one session. */
export function createElicitations(write: Write): Elicitations {
  const open = new Map<unknown, (answer: Answer) => void>()
  let canOpen = false
  const send = (message: object): Promise<void> => write(JSON.stringify({ jsonrpc: '2.0', ...message }))

  function ask(waiting: Waiting, signal: AbortSignal): Promise<boolean | undefined> {
    // The id cannot be one of the server, whose requests to the client have ids of their own.
    const id = `procura-approval-${crypto.randomUUID()}`
    return new Promise((resolve) => {
      let isAnswered = false
      const end = (): void => {
        open.delete(id)
        if (isAnswered) void send({ method: 'notifications/elicitation/complete', params: { elicitationId: id } })
        else {
          const reason = 'the request was answered elsewhere, or is no longer waited for'
          void send({ method: 'notifications/cancelled', params: { requestId: id, reason } })
        }
        resolve(undefined)
      }
      open.set(id, ({ result }) => {
        open.delete(id)
        isAnswered = result?.action === 'accept'
        if (!isAnswered) signal.removeEventListener('abort', end)
        // A client without a person cancels: only a person declines.
        resolve(isAnswered ? true : result?.action === 'decline' ? false : undefined)
      })
      signal.addEventListener('abort', end, { once: true })
      const { method, params } = pageRequest(waiting)
      void send({ id, method, params: { ...params, elicitationId: id } })
    })
  }

  return {
    current(call) {
      const { _meta, inputResponses } = Object(call.params) as NonNullable<ClientCall['params']>
      // A client can send null.
      const meta = Object(_meta) as Readonly<Record<string, unknown>>
      if (!Object.hasOwn(meta, 'io.modelcontextprotocol/protocolVersion')) return canOpen ? { open: ask } : undefined
      // Since 2026-07-28, a result asks for input, and the client repeats its call with the answer.
      if (!opensPages(meta['io.modelcontextprotocol/clientCapabilities'])) return undefined
      return { action: Object(inputResponses?.[responseName]).action as unknown }
    },
    take(message) {
      const { id, method, params } = message
      if (method === 'initialize') canOpen = opensPages(Object(params).capabilities)
      const answer = method === undefined ? open.get(id) : undefined
      answer?.(message)
      return answer !== undefined
    },
  }
}

/** The name of the request in a result, and of its answer in the repeated call. */
const responseName = 'procura-approval'

/** The request to open the page. It has no argument of the call: the page shows them. */
function pageRequest({ url }: Waiting): { readonly method: string; readonly params: object } {
  const message =
    'A call of a tool needs your approval. Open the page of your gateway, and read there what you approve.'
  return { method: 'elicitation/create', params: { mode: 'url', message, url } }
}

/** The result that asks the client for it. */
export function inputRequired(id: unknown, waiting: Waiting): object {
  const result = { resultType: 'input_required', inputRequests: { [responseName]: pageRequest(waiting) } }
  return { jsonrpc: '2.0', id, result }
}

/** A call without the answer of the client to such a request. The server has not asked for it. */
export function withoutAnswer(call: ClientCall): ClientCall {
  const { inputResponses, ...params } = Object(call.params) as NonNullable<ClientCall['params']>
  if (!Object.hasOwn(Object(inputResponses), responseName)) return call
  const { [responseName]: _, ...others } = inputResponses as Readonly<Record<string, unknown>>
  return { ...call, params: { ...params, ...(Object.keys(others).length > 0 && { inputResponses: others }) } }
}

/** Whether a client announces elicitation in the mode `url`. One that announces none has the mode `form` alone. */
function opensPages(capabilities: unknown): boolean {
  const { url } = Object(Object(capabilities).elicitation) as { readonly url?: unknown }
  return typeof url === 'object' && url !== null
}
