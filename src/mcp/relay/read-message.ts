/**
 * The messages of JSON-RPC, as a relay distinguishes them. A message that two readers could take for different kinds is
 * malformed. MCP-21
 *
 * @module
 */

import { objectValue } from '../../support/options.ts'
import { withoutKey } from '../meta-key.ts'
import type { ToolDenial } from '../tool-denial.ts'

/** The id of a request. JSON-RPC also permits null, which MCP forbids. */
export type RequestId = string | number

/** A message, as its fields are on the wire. */
export type WireMessage = Readonly<Record<string, unknown>>

/** A message by its kind. */
export type ReadMessage =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly message: WireMessage }
  | { readonly kind: 'notification'; readonly method: string; readonly message: WireMessage }
  | { readonly kind: 'response'; readonly id: RequestId; readonly message: WireMessage }
  | {
      readonly kind: 'malformed'
      readonly fault: string
      /** The id for an error response. Undefined if the message is not a request. */
      readonly id: RequestId | null | undefined
    }

/** Most characters of an id: those of the requests in progress are kept. */
const longestId = 1_024

/** Reads one message. */
export function readMessage(given: unknown): ReadMessage {
  if (objectValue(given) !== undefined) return { kind: 'malformed', fault: 'a message is not an object', id: null }
  const message = given as WireMessage
  const [hasMethod, hasId] = [Object.hasOwn(message, 'method'), Object.hasOwn(message, 'id')]
  const { id, method } = message
  const malformed = (fault: string): ReadMessage => ({
    kind: 'malformed',
    fault,
    id: hasMethod && hasId ? (isId(id) ? id : null) : undefined,
  })
  if (!Object.hasOwn(message, 'jsonrpc') || message['jsonrpc'] !== '2.0')
    return malformed('`jsonrpc` of a message is not `2.0`')
  const outcomes = ['result', 'error'].filter((name) => Object.hasOwn(message, name)).length
  if (hasId && !isId(id))
    return malformed(`the id of a message is not a string of at most ${longestId} characters or a number`)
  if (!hasMethod) {
    if (outcomes !== 1 || !isId(id)) return malformed('a message is not a request, a notification or a response')
    if (!hasOutcome(message)) return malformed('a response has no result that is an object, nor an error with its code')
    return { kind: 'response', id, message }
  }
  if (typeof method !== 'string') return malformed('the method of a message is not a string')
  if (outcomes > 0) return malformed('a message is a request and a response at the same time')
  return isId(id) ? { kind: 'request', id, method, message } : { kind: 'notification', method, message }
}

/** Clients do not take another response for the answer to their request, and wait on. */
function hasOutcome({ result, error }: WireMessage): boolean {
  if (objectValue(result) === undefined) return true
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown }
  return Number.isSafeInteger(code) && typeof message === 'string'
}

function isId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length <= longestId
  return typeof id === 'number' && Number.isFinite(id)
}

/** An error response. */
export function errorResponse(id: RequestId | null, code: number, message: string): WireMessage {
  return { jsonrpc: '2.0', id, error: { code, message } }
}

/** Codes of JSON-RPC, and of this relay in the range for servers. */
export const rpcCodes: Readonly<Record<RpcCodeName, number>> = Object.freeze({
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  internalError: -32_603,
  tooMany: -32_000,
  serverEnded: -32_001,
})

/** The refusal of a call beyond those in progress: a server can answer with every error, and with no denial. */
export const overloaded: ToolDenial = Object.freeze({
  code: 'overloaded',
  message: 'too many requests are in progress',
  requirement: 'MCP-37',
})

type RpcCodeName = 'invalidRequest' | 'methodNotFound' | 'internalError' | 'tooMany' | 'serverEnded'

/**
 * The message without the values of this library in `_meta` of its parameters and of its result. Without such values,
 * it is the message itself. MCP-24
 */
export function withoutOurs(message: WireMessage, key: string): WireMessage {
  let clean = message
  for (const field of ['params', 'result'] as const) {
    const part = Object.hasOwn(message, field) ? message[field] : undefined
    if (objectValue(part) !== undefined || !Object.hasOwn(part as object, '_meta')) continue
    const { _meta } = part as { readonly _meta?: unknown }
    if (!hasOurs(_meta, key)) continue
    clean = { ...clean, [field]: { ...(part as object), _meta: withoutKey(_meta, key) } }
  }
  return clean
}

function hasOurs(meta: unknown, key: string): boolean {
  return objectValue(meta) === undefined && Object.keys(meta as object).some((name) => isOurs(name, key))
}

function isOurs(name: string, key: string): boolean {
  return name === key || name.startsWith(`${key}.`)
}
