import type { McpTransport } from './transport/mcp-transport.ts'

type Fields = Readonly<Record<string, unknown>>

/** Capabilities of the client, in the requests of protocol versions without sessions. */
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** Answers to the questions in a result, with which a request is repeated. Since protocol version 2026-07-28. */
const answersKey = 'inputResponses'

/**
 * The transport of a client without its roots. GTW-27: a server may take the folders that it serves from the roots of
 * its client, and here the client is the agent, whose folders the delegations and the configuration limit.
 */
export function withoutRoots(client: McpTransport): McpTransport {
  const wrapped: McpTransport = {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, options) {
      const messages: readonly unknown[] = Array.isArray(message) ? message : [message]
      const kept = messages.filter((one) => (Object(one) as Fields)['method'] !== 'roots/list')
      if (kept.length > 0) await client.send(Array.isArray(message) ? kept : message, options)
      // A server that asks nevertheless gets the answer of a client that has none.
      for (const { id } of messages.filter((one) => !kept.includes(one)) as readonly Fields[])
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
  const meta = Object(given['_meta']) as Fields
  const changed = {
    ...(method === 'initialize' && stripped(given, 'capabilities')),
    ...(Object.hasOwn(meta, capabilitiesKey) && { _meta: { ...meta, ...stripped(meta, capabilitiesKey) } }),
    ...(Object.hasOwn(given, answersKey) && { [answersKey]: withoutListed(given[answersKey]) }),
  }
  return [Object.keys(changed).length === 0 ? message : withParams(message, { ...given, ...changed })]
}

/** The answers without lists of roots. No other answer has `roots`. */
function withoutListed(answers: unknown): unknown {
  if (typeof answers !== 'object' || answers === null) return answers
  const isList = (answer: unknown): boolean => Object.hasOwn(Object(answer) as object, 'roots')
  return Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [name, isList(answer) ? { roots: [] } : answer]),
  )
}

function withParams(message: unknown, params: Fields): unknown {
  return { ...(message as Fields), params }
}

function stripped(holder: Fields, name: string): Fields {
  if (!Object.hasOwn(holder, name)) return {}
  const { roots: _, ...others } = Object(holder[name]) as Fields
  return { [name]: others }
}
