import type { CommandDefinition } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import { type OptionCheck, objectValue } from '../support/options.ts'
import { isPromiseLike } from '../support/promise.ts'
import { quote } from '../support/quote.ts'
import { toolNameOf } from './tool-of.ts'

/**
 * Names the tools of commands: each definition under the name that `toolOf` gives it. A client and a server that list
 * the same definitions have the same tools. Where an option `tools` takes names, it takes a list of definitions too.
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
    if (!isDefinition(definition))
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

/** Checks an option `tools` that takes definitions: a list, or one for each name. */
export const definitionsCheck: OptionCheck = (value) => {
  if (isDefinition(value)) return 'is one definition; pass a list'
  if (!Array.isArray(value) && objectValue(value) !== undefined) return must
  const others = Object.values(value as object).filter((one) => !isDefinition(one))
  if (others.some(isPromiseLike)) return 'has a definition that is a promise; await it'
  return others.length === 0 ? undefined : must
}

const must = 'must be a list of definitions, or an object with a definition for each name; make them with defineCommand'

/** Whether a value has the form of a definition. */
export function isDefinition(value: unknown): boolean {
  return typeof Object(value).command === 'string' && typeof Object(value).args === 'object'
}
