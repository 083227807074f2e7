// node only: its users read streams

import type { Message } from './answers.ts'
import type { Elicitor } from './approved-calls.ts'
import type { Waiting } from './ask-approval.ts'
import type { Write } from './options.ts'

/** The requests by which the client asks its user to open the page for approvals. APR-88 */
export interface Elicitations {
  /** Undefined if the client cannot open a page. */
  current(): Elicitor | undefined
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
        resolve(result === undefined ? undefined : isAnswered)
      })
      signal.addEventListener('abort', end, { once: true })
      const message =
        'A call of a tool needs your approval. Open the page of your gateway, and read there what you approve.'
      const params = { mode: 'url', message, url: waiting.url, elicitationId: id }
      void send({ id, method: 'elicitation/create', params })
    })
  }

  return {
    current: () => (canOpen ? { open: ask } : undefined),
    take(message) {
      const { id, method, params } = message
      if (method === 'initialize') canOpen = opensPages(Object(params).capabilities)
      const answer = method === undefined ? open.get(id) : undefined
      answer?.(message)
      return answer !== undefined
    },
  }
}

/** Whether a client announces elicitation in the mode `url`. One that announces none has the mode `form` alone. */
function opensPages(capabilities: unknown): boolean {
  const { url } = Object(Object(capabilities).elicitation) as { readonly url?: unknown }
  return typeof url === 'object' && url !== null
}
