import type { CommandDefinition } from '../core/capability/definition.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { objectValue } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { ToolDenial } from './tool-denial.ts'

/** A request for tools. */
export interface ToolRequest {
  readonly params?: Readonly<Record<string, unknown>>
}

/** The parts of a call that the gate needs. */
export interface ReadCall {
  readonly name: string
  readonly definition: CommandDefinition
  readonly container: string
  readonly args: Readonly<Record<string, unknown>>
}

/** MCP-04: each part must be there in the form of the specification; anything else is refused. */
export function readCall(
  request: ToolRequest,
  key: string,
  definitionOf: (tool: string) => CommandDefinition | undefined,
): ReadCall | ToolDenial {
  const { name, arguments: given = {}, task } = request.params ?? {}
  if (typeof name !== 'string') return refusal('malformed', 'the request has no name of a tool')
  const definition = definitionOf(name)
  if (definition === undefined)
    return refusal('tool_unknown', `this server offers no guarded tool ${quote(name)}`, 'MCP-04')
  if (task !== undefined)
    return refusal(
      'task_unsupported',
      'a guarded tool cannot run as a task, because its outcome would not be recorded; call it without `task`',
    )
  const container = containerIn(request, key)
  if (container === undefined) return missing
  if (typeof container !== 'string') return container
  const args = copyOf(given)
  if (args === undefined) return refusal('malformed', '`arguments` is not an object of JSON')
  return { name, definition, container, args }
}

/** A denial of this adapter. */
export function refusal(code: string, message: string, requirement = 'MCP-04'): ToolDenial {
  return { code, message, requirement }
}

/** The denial of a request without a container. */
export const missing: ToolDenial = Object.freeze({
  code: 'container_missing',
  message: 'the request has no signed invocation in `_meta`; the client has to connect with `withInvocation`',
  requirement: 'MCP-04',
})

/** The container of a request; undefined if it is missing, and a denial if it is not a string. */
export function containerIn({ params }: ToolRequest, key: string): string | ToolDenial | undefined {
  const meta = Object(params?._meta) as Readonly<Record<string, unknown>>
  const container = Object.hasOwn(meta, key) ? meta[key] : undefined
  if (container === undefined || typeof container === 'string') return container
  return refusal('container_unreadable', 'the container in `_meta` is not a string')
}

/** A copy, because a transport in memory passes the objects of the client, which may change. */
function copyOf(given: unknown): Readonly<Record<string, unknown>> | undefined {
  if (objectValue(given) !== undefined) return undefined
  try {
    return structuredClone(given) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

/** MCP-11: every declared argument and every argument of the request must be in the signed call with the same value. */
export function expectedArguments(
  { args: declared }: CommandDefinition,
  args: Readonly<Record<string, unknown>>,
): { readonly [name: string]: IpldValue | undefined } {
  const expected: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(declared)) expected[name] = undefined
  for (const [name, value] of Object.entries(args)) expected[name] = value
  return expected as { readonly [name: string]: IpldValue | undefined }
}
