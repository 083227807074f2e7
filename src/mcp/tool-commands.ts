import type { CommandDefinition } from '../capability/definition.ts'
import type { OptionCheck } from '../support/options.ts'

/** The definition of the command of each tool, by the name of the tool; or a function that finds it. */
export type ToolDefinitions =
  | { readonly [tool: string]: CommandDefinition }
  | ((tool: string) => CommandDefinition | undefined)

/** Checks an option that gives definitions. */
export const toolDefinitionsCheck: OptionCheck = (value) => {
  if (typeof value === 'function') return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return must
  const isDefinition = (one: unknown): boolean =>
    typeof Object(one).command === 'string' && typeof Object(one).args === 'object'
  return Object.values(value).every(isDefinition) ? undefined : must
}

const must =
  'must be an object with the definition of a command for each tool, or a function; make definitions with defineCommand or commandOfTool'

/** The finder of definitions. The name of a tool is foreign: it finds no inherited property. */
export function definitionsOf(tools: ToolDefinitions): (tool: string) => CommandDefinition | undefined {
  if (typeof tools === 'function') return tools
  const table = new Map(Object.entries(tools))
  return (tool) => table.get(tool)
}
