import { objectValue } from '../../support/options.ts'
import type { WireMessage } from './read-message.ts'

/** The capabilities of a server that announce requests, each with such a request. */
const announced: readonly (readonly [capability: string, method: string])[] = [
  ['resources', 'resources/read'],
  ['prompts', 'prompts/get'],
  ['completions', 'completion/complete'],
  ['logging', 'logging/setLevel'],
  ['tasks', 'tasks/get'],
]

/** Whether the response to a request lists the capabilities of the server. */
export function listsCapabilities(method: string): boolean {
  return method === 'initialize' || method === 'server/discover'
}

/** The response without the capabilities whose requests do not pass: a client does not offer them to a model. MCP-31 */
export function withoutRefused(response: WireMessage, passes: (method: string) => boolean): WireMessage {
  const { result } = response
  if (objectValue(result) !== undefined) return response
  const { capabilities } = result as { readonly capabilities?: unknown }
  if (objectValue(capabilities) !== undefined) return response
  const kept = { ...(capabilities as object) } as Record<string, unknown>
  for (const [name, method] of announced) if (!passes(method)) delete kept[name]
  return { ...response, result: { ...(result as object), capabilities: kept } }
}
