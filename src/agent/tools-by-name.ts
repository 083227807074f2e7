import type { CommandDefinition } from '../capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import { toolNameOf } from './tool-of.ts'

/**
 * Names the tools of commands: each definition under the name that `toolOf` gives it. A client and a server that
 * list the same definitions have the same tools. Where an option `tools` takes names, it takes a list of definitions too.
 *
 * @throws ArgumentError when two commands have the same name of a tool, such as `/mail/send` and `/mail_send`.
 *
 * @example
 * ```ts
 * import { toolsByName } from 'procura/agent'
 *
 * console.log(Object.keys(toolsByName([send]))) // mail_send
 * ```
 */
export function toolsByName<Definition extends CommandDefinition>(
  definitions: readonly Definition[],
): { readonly [tool: string]: Definition } {
  const tools = new Map<string, Definition>()
  for (const definition of definitions) {
    if (typeof Object(definition).command !== 'string')
      throw new ArgumentError('`tools` must contain definitions of commands; make them with defineCommand')
    const name = toolNameOf(definition)
    const other = tools.get(name)
    if (other !== undefined)
      throw new ArgumentError(
        `the tools of ${quote(other.command)} and ${quote(definition.command)} have the same name ${quote(name)}; pass an object with a name for each`,
      )
    tools.set(name, definition)
  }
  return Object.freeze(Object.fromEntries(tools))
}
