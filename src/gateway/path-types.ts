import { listOf } from '../capability/argument-types/list-of.ts'
import { path } from '../capability/argument-types/path.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import type { PinnedTool } from '../mcp/tool-hash.ts'
import { quote } from '../support/quote.ts'

/**
 * The argument types of the paths of a tool. GTW-28: a JSON Schema does not tell a path from another string. As a
 * string, `/data/../etc` matches the pattern `/data/*`; as a path it is refused.
 */
export function pathTypes(tool: PinnedTool, names: readonly string[]): CommandDefinition['args'] {
  const properties = propertiesOf(tool)
  const own = names.filter((name) => Object.hasOwn(properties, name))
  return Object.fromEntries(
    own.map((name) => {
      const { type } = Object(properties[name]) as { readonly type?: unknown }
      return [name, type === 'array' ? listOf(path()) : path()]
    }),
  )
}

/**
 * Refuses a name that no tool has: a misspelt one would leave its argument without protection.
 *
 * @param tools - the accepted tools. Without any, nothing is known yet.
 * @throws ArgumentError with the name.
 */
export function checkPathNames(tools: readonly PinnedTool[], names: readonly string[]): void {
  const stray = names.find((name) => !tools.some((tool) => Object.hasOwn(propertiesOf(tool), name)))
  if (tools.length > 0 && stray !== undefined)
    throw new ArgumentError(
      `\`paths\` names ${quote(stray)}, which no accepted tool has as an argument; correct gateway.json`,
    )
}

function propertiesOf({ inputSchema }: PinnedTool): Readonly<Record<string, unknown>> {
  return Object(Object(inputSchema).properties) as Readonly<Record<string, unknown>>
}
