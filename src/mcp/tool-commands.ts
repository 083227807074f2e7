import { toolsByName } from '../agent/tools-by-name.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import type { OptionCheck } from '../support/options.ts'
import { quote } from '../support/quote.ts'

/**
 * The definition of the command of each tool, by the name of the tool; a list of definitions, whose tools have the
 * names of `toolOf`; or a function that finds the definition.
 */
export type ToolDefinitions =
  | readonly CommandDefinition[]
  | { readonly [tool: string]: CommandDefinition }
  | ((tool: string) => CommandDefinition | undefined)

/** Checks an option that gives definitions. */
export const toolDefinitionsCheck: OptionCheck = (value) => {
  if (typeof value === 'function') return undefined
  if (typeof value !== 'object' || value === null) return must
  const isDefinition = (one: unknown): boolean =>
    typeof Object(one).command === 'string' && typeof Object(one).args === 'object'
  return Object.values(value).every(isDefinition) ? undefined : must
}

const must =
  'must be an object with the definition of a command for each tool, a list of definitions, or a function; make definitions with defineCommand or commandOfTool'

/** The guard of a gate. With `commands`, a tool with another command is refused at once. */
export type ToolGuard = Pick<Guard, 'open' | 'use'> & Partial<Pick<Guard, 'commands'>>

/**
 * The finder of definitions. The name of a tool is foreign: it finds no inherited property.
 *
 * @throws ArgumentError when the guard does not have the command of a tool.
 */
export function definitionsOf(
  caller: string,
  tools: ToolDefinitions,
  { commands }: ToolGuard,
): (tool: string) => CommandDefinition | undefined {
  if (typeof tools === 'function') return tools
  const named = Array.isArray(tools) ? toolsByName(tools as readonly CommandDefinition[]) : tools
  const table = new Map<string, CommandDefinition>(Object.entries(named))
  for (const [tool, { command }] of table) {
    if (commands?.includes(command) !== false) continue
    throw new ArgumentError(
      `${caller}: the command of the tool ${quote(tool)} is ${quote(command)}, which the guard does not have; add it to \`commands\` of createGuard`,
    )
  }
  return (tool) => table.get(tool)
}
