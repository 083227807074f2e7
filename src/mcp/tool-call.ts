import { ArgumentError } from '../errors.ts'
import type { GuardedCall } from '../guard/call.ts'

/** The property of the second argument of a tool's callback. A symbol, so that it is in no JSON. */
const property = Symbol('procura.call')

/** The context of a request, as an SDK passes it to handlers and callbacks. */
export type RequestSurroundings = Readonly<Record<string | symbol, unknown>>

/** Adds the call to the context of its request. */
export function withCall(surroundings: RequestSurroundings, call: GuardedCall): RequestSurroundings {
  return { ...surroundings, [property]: call }
}

/**
 * The authorized call in the callback of a tool that `guardTools` guards: its arguments as signed, its subject, and
 * `fetch` with the credential of its command. MCP-07
 *
 * @param extra - the last argument of the callback: `extra` of the SDK 1, `ctx` of the SDK 2.
 * @throws ArgumentError when the callback was called without a guard.
 *
 * @example
 * ```ts
 * import { toolCall } from 'procura/mcp'
 *
 * const callback = async (_: unknown, extra: object) => {
 *   const { args, fetch } = toolCall<{ readonly to: string }>(extra)
 *   const response = await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
 *   return { content: [{ type: 'text', text: `sent: ${response.status}` }] }
 * }
 * ```
 */
export function toolCall<Args = unknown>(extra: object): GuardedCall<Args> {
  const call = (Object(extra) as RequestSurroundings)[property]
  if (call !== undefined) return call as GuardedCall<Args>
  throw new ArgumentError(
    'toolCall: `extra` must be the last argument of the callback of a tool, of a server that guardTools guards',
  )
}
