import type { McpTransport } from '../wire/transport/mcp-transport.ts'

/**
 * The transport of a client that has proved a delegation, while it has it. GTW-75: a call is decided by itself, but the
 * requests that pass unguarded, the messages of the server and the place of the session need the delegation as well.
 *
 * @param isHeld - whether the delegation is valid and not revoked. An error is a no.
 * @param onLost - called once, when it is not. Nothing but the answers to calls passes from then on.
 * @returns `check` asks at once. It never rejects.
 */
export function whileHeld(
  client: McpTransport,
  isHeld: () => Promise<boolean>,
  onLost: () => void,
): { readonly client: McpTransport; readonly check: () => Promise<boolean> } {
  let isLost = false
  const check = async (): Promise<boolean> => {
    const holds = !isLost && (await isHeld().catch(() => false))
    if (!holds && !isLost) {
      isLost = true
      onLost()
    }
    return holds
  }
  const wrapped: McpTransport = {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, options) {
      if (!isAnswer(message) && !(await check())) return
      await client.send(message, options)
    },
  }
  client.onmessage = async (message) => {
    if ((isCall(message) && !isLost) || (await check())) await wrapped.onmessage?.(message)
  }
  client.onclose = () => wrapped.onclose?.()
  client.onerror = (error) => wrapped.onerror?.(error)
  return { client: wrapped, check }
}

/** Whether the guard decides about a message. */
function isCall(message: unknown): boolean {
  return Object(message).method === 'tools/call'
}

function isAnswer(message: unknown): boolean {
  return !Array.isArray(message) && !Object.hasOwn(Object(message) as object, 'method')
}
