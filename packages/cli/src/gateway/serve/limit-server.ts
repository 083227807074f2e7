import { type AllowedRequests, askableMethods } from '../configuration/passing-methods.ts'
import type { McpTransport } from '../wire/transport/mcp-transport.ts'

type Fields = Readonly<Record<string, unknown>>

/** Capabilities of the client, in the requests of protocol versions without sessions. */
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** Answers to the questions in a result, with which a request is repeated. Since protocol version 2026-07-28. */
const answersKey = 'inputResponses'

/** A server that asks nevertheless gets the answer of a client that cannot do it. */
const notFound = Object.freeze({ code: -32_601, message: 'Method not found' })

/**
 * The transport of a client, for a server that reaches its person and its model by the results of tools alone, and by
 * the ways in `allow`. GTW-76
 *
 * The roots of the client have no such way. GTW-27: a server may take the folders that it serves from the roots of its
 * client, and here the client is the agent, whose folders the delegations and the configuration limit.
 */
export function limitServer(client: McpTransport, allow: readonly AllowedRequests[]): McpTransport {
  const isAskable = askableMethods(allow)
  const isRefused = (one: Fields): boolean =>
    Object.hasOwn(one, 'method') && !isNotification(one) && !isAskable(one['method'])
  const toClient = (message: unknown): unknown => withoutQuestions(withoutInstructions(message, allow), isAskable)
  const toServer = (message: unknown): readonly unknown[] => changedMessage(message, allow)
  const wrapped: McpTransport = {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, options) {
      const messages: readonly unknown[] = Array.isArray(message) ? message : [message]
      const kept = messages.filter((one) => !isRefused(Object(one))).map(toClient)
      if (kept.length > 0) await client.send(Array.isArray(message) ? kept : kept[0], options)
      for (const { id } of messages.filter((one) => isRefused(Object(one))) as readonly Fields[])
        if (id !== undefined) await wrapped.onmessage?.({ jsonrpc: '2.0', id, error: notFound })
    },
  }
  client.onmessage = (message) => {
    const changed = Array.isArray(message) ? [message.flatMap(toServer)] : toServer(message)
    return changed.length === 0 ? undefined : wrapped.onmessage?.(changed[0])
  }
  client.onclose = () => wrapped.onclose?.()
  client.onerror = (error) => wrapped.onerror?.(error)
  return wrapped
}

/** A response without instructions for the model, which a server can change in each session. */
function withoutInstructions(message: unknown, allow: readonly AllowedRequests[]): unknown {
  const { result } = Object(message) as Fields
  if (allow.includes('instructions') || !Object.hasOwn(Object(result) as object, 'instructions')) return message
  const { instructions: _, ...others } = result as Fields
  return { ...(message as Fields), result: others }
}

function isNotification(one: Fields): boolean {
  const { method } = one
  return typeof method === 'string' && method.startsWith('notifications/') && !Object.hasOwn(one, 'id')
}

/** A response, or an error in the place of one that asks the client for something. Roots are answered below. */
function withoutQuestions(message: unknown, isAskable: (method: unknown) => boolean): unknown {
  const { id, result, error } = Object(message) as Fields
  const questions = Object.values(Object((Object(result) as Fields)['inputRequests']) as Fields)
  const methods = questions.map((question) => (Object(question) as Fields)['method'])
  // The error -32042, since protocol version 2025-11-25, has the pages that the client is to open.
  if (Object.hasOwn(Object((Object(error) as Fields)['data']) as object, 'elicitations'))
    methods.push('elicitation/create')
  const refused = methods.filter((method) => method !== 'roots/list' && !isAskable(method))
  if (refused.length === 0) return message
  const asked = `the server asks for ${JSON.stringify(refused[0])}`
  const remedy = 'a person can add "elicitation" or "sampling" to `allow` of the server in gateway.json'
  return { jsonrpc: '2.0', id, error: { code: notFound.code, message: `${asked}, which is not allowed; ${remedy}` } }
}

/** The message as it is passed on, in a list; none for the news of other roots. */
function changedMessage(message: unknown, allow: readonly AllowedRequests[]): readonly unknown[] {
  const { method, params } = Object(message) as Fields
  if (method === 'notifications/roots/list_changed') return []
  const given = Object(params) as Fields
  const meta = Object(given['_meta']) as Fields
  const changed = {
    ...(method === 'initialize' && stripped(given, 'capabilities', allow)),
    ...(Object.hasOwn(meta, capabilitiesKey) && { _meta: { ...meta, ...stripped(meta, capabilitiesKey, allow) } }),
    ...(Object.hasOwn(given, answersKey) && { [answersKey]: withoutListed(given[answersKey]) }),
  }
  return [Object.keys(changed).length === 0 ? message : { ...(message as Fields), params: { ...given, ...changed } }]
}

/** The answers without lists of roots. No other answer has `roots`. */
function withoutListed(answers: unknown): unknown {
  if (typeof answers !== 'object' || answers === null) return answers
  const isList = (answer: unknown): boolean => Object.hasOwn(Object(answer) as object, 'roots')
  return Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [name, isList(answer) ? { roots: [] } : answer]),
  )
}

/** Capabilities without those for requests that are refused. Tasks are such requests that take longer. */
function stripped(holder: Fields, name: string, allow: readonly AllowedRequests[]): Fields {
  if (!Object.hasOwn(holder, name)) return {}
  const { roots: _, tasks: __, elicitation, sampling, ...others } = Object(holder[name]) as Fields
  return {
    [name]: {
      ...others,
      ...(elicitation !== undefined && allow.includes('elicitation') && { elicitation }),
      ...(sampling !== undefined && allow.includes('sampling') && { sampling }),
    },
  }
}
