import type { McpTransport } from './transport/mcp-transport.ts'

type Fields = Readonly<Record<string, unknown>>

/** Capabilities of the client, in the requests of protocol versions without sessions. */
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/**
 * The transport of a client without its roots. GTW-27: a server may take the folders that it serves from the roots of its
 * client, and here the client is the agent, whose folders the delegations and the configuration limit.
 */
export function withoutRoots(client: McpTransport): McpTransport {
  const wrapped: McpTransport = {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, options) {
      const { id, method } = Object(message) as Fields
      if (method !== 'roots/list') return client.send(message, options)
      // A server that asks nevertheless gets the answer of a client that has none.
      await wrapped.onmessage?.({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } })
    },
  }
  client.onmessage = (message) => {
    const changed = Array.isArray(message) ? [message.flatMap(changedMessage)] : changedMessage(message)
    return changed.length === 0 ? undefined : wrapped.onmessage?.(changed[0])
  }
  client.onclose = () => wrapped.onclose?.()
  client.onerror = (error) => wrapped.onerror?.(error)
  return wrapped
}

/** The message as it is passed on, in a list; none for the news of other roots. */
function changedMessage(message: unknown): readonly unknown[] {
  const { method, params } = Object(message) as Fields
  if (method === 'notifications/roots/list_changed') return []
  const given = Object(params) as Fields
  if (method === 'initialize') return [withParams(message, { ...given, ...stripped(given, 'capabilities') })]
  const meta = Object(given['_meta']) as Fields
  if (!Object.hasOwn(meta, capabilitiesKey)) return [message]
  return [withParams(message, { ...given, _meta: { ...meta, ...stripped(meta, capabilitiesKey) } })]
}

function withParams(message: unknown, params: Fields): unknown {
  return { ...(message as Fields), params }
}

function stripped(holder: Fields, name: string): Fields {
  if (!Object.hasOwn(holder, name)) return {}
  const { roots: _, ...others } = Object(holder[name]) as Fields
  return { [name]: others }
}
