// node only: reads the configuration of a gateway
/**
 * The rules of a configuration for the arguments of tools: the type of each name, and the only names of a call.
 *
 * @module
 */

import type { CommandDefinition } from 'procura'
import {
  email,
  hostName,
  ipAddress,
  listOf,
  oneLine,
  optional,
  path,
  type StandardSchema,
  segment,
  shellWord,
  url,
} from 'procura/arguments'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import type { ArgumentTypeName } from '../../support/argument-type-names.ts'
import type { ArgumentConfig } from '../configuration/read-gateway-config.ts'

const typesByName: Readonly<Record<ArgumentTypeName, () => StandardSchema>> = Object.freeze({
  email: () => email(),
  hostName: () => hostName(),
  ipAddress: () => ipAddress(),
  oneLine: () => oneLine(),
  path: () => path(),
  segment: () => segment(),
  shellWord: () => shellWord(),
  url: () => url({ schemes: ['http', 'https'] }),
})

/** The name in `only` for every tool without a list of its own. */
const everyTool = '*'

/**
 * The definition of the command of a tool under the rules of its server.
 *
 * @param definition - as the schema of the tool gives it.
 * @throws ArgumentError when `only` leaves out a required argument of the tool.
 */
export function withArgumentRules(
  tool: string,
  definition: CommandDefinition,
  { types = {}, only = {} }: ArgumentConfig,
): CommandDefinition {
  const named = new Map(Object.entries(types).map(([name, type]) => [name, typesByName[type]()]))
  const names = new Map(Object.entries(only))
  return closed(typed(definition, named), names.get(tool) ?? names.get(everyTool))
}

/**
 * The arguments of a tool that the log has in clear. A name that the tool does not have is left out: it limits nothing,
 * and the guard would refuse the command. In a list of the guard, a dot leads into an argument. GTW-51
 */
export function shownArguments(
  tool: string,
  { args }: Pick<CommandDefinition, 'args'>,
  { show = {} }: ArgumentConfig,
): readonly string[] {
  const names = new Map(Object.entries(show))
  const all = [...(names.get(tool) ?? []), ...(names.get(everyTool) ?? [])]
  return [...new Set(all)].filter((name) => Object.hasOwn(args, name) && !name.includes('.'))
}

/**
 * GTW-28: a JSON Schema does not tell a path or an address from another string. The type therefore depends on the name
 * alone, so that no spelling of a schema hides an argument from it: neither references and composed parts, nor objects
 * and lists around it, nor a permission for arguments without a schema.
 */
function typed(definition: CommandDefinition, named: ReadonlyMap<string, StandardSchema>): CommandDefinition {
  if (named.size === 0) return definition
  const { args, others } = definition
  const open = others === undefined ? [] : [...named.keys()].filter((name) => !Object.hasOwn(args, name))
  const all = [...Object.entries(args), ...open.map((name) => [name, optional(others as StandardSchema)] as const)]
  return Object.freeze({
    ...definition,
    args: argumentsOf(all.map(([name, schema]) => [name, withTypes(schema, named, named.get(name))])),
    ...(others !== undefined && { others: withTypes(others, named, undefined) }),
  })
}

/** GTW-74: a policy restricts the arguments that it names, and no others. */
function closed(definition: CommandDefinition, only: readonly string[] | undefined): CommandDefinition {
  if (only === undefined) return definition
  const { others, ...rest } = definition
  const needed = Object.entries(definition.args).find(
    ([name, schema]) => !('optional' in schema) && !only.includes(name),
  )
  if (needed !== undefined)
    throw new ArgumentError(`\`only\` leaves out ${quote(needed[0])}, which the tool requires; add it in gateway.json`)
  const kept = only.flatMap((name) => {
    const schema = Object.hasOwn(definition.args, name) ? definition.args[name] : others && optional(others)
    return schema === undefined ? [] : [[name, schema] as const]
  })
  return Object.freeze({ ...rest, args: argumentsOf(kept) })
}

function argumentsOf(entries: readonly (readonly [string, StandardSchema])[]): CommandDefinition['args'] {
  return Object.freeze(Object.assign(Object.create(null), Object.fromEntries(entries)))
}

/** A schema whose values are checked by their names as well. */
function withTypes(
  schema: StandardSchema,
  named: ReadonlyMap<string, StandardSchema>,
  own: StandardSchema | undefined,
): StandardSchema {
  const standard = schema['~standard']
  const validate: typeof standard.validate = (value) => {
    const fault = faultOf(value, named, own)
    return fault === undefined ? standard.validate(value) : { issues: [{ message: fault }] }
  }
  return Object.freeze({ ...schema, '~standard': Object.freeze({ ...standard, validate }) })
}

/** The fault of a value with a type, which is one value or a list of them; otherwise of the parts of the value. */
function faultOf(
  value: unknown,
  named: ReadonlyMap<string, StandardSchema>,
  own: StandardSchema | undefined,
): string | undefined {
  if (own !== undefined) {
    const result = (Array.isArray(value) ? listOf(own) : own)['~standard'].validate(value)
    // The types of this library are synchronous.
    return 'issues' in result ? result.issues?.[0]?.message : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, part] of Object.entries(value)) {
    const type = Array.isArray(value) ? undefined : named.get(name)
    const fault = faultOf(part, named, type)
    if (fault !== undefined) return type === undefined ? fault : `has ${quote(name)} that ${fault}`
  }
  return undefined
}

/**
 * Refuses a name that no tool has: a misspelt one would leave its argument without protection.
 *
 * @param tools - the definitions of the accepted tools by name, with the schemas that the server gives. Without any,
 *   nothing is known yet.
 * @throws ArgumentError with the name.
 */
export function checkArgumentNames(
  tools: readonly { readonly name: string; readonly inputSchema?: unknown; readonly definition: CommandDefinition }[],
  { types = {}, only = {} }: ArgumentConfig,
): void {
  if (tools.length === 0) return
  const has = (name: string, { definition, inputSchema }: (typeof tools)[number]): boolean =>
    definition.others !== undefined || Object.hasOwn(definition.args, name) || isNested(name, inputSchema, 0)
  const stray = Object.keys(types).find((name) => !tools.some((tool) => has(name, tool)))
  if (stray !== undefined)
    throw new ArgumentError(
      `\`types\` or \`paths\` names ${quote(stray)}, which no accepted tool has as an argument; correct gateway.json`,
    )
  for (const [tool, names] of Object.entries(only)) {
    const of = tool === everyTool ? tools : tools.filter(({ name }) => name === tool)
    if (of.length === 0)
      throw new ArgumentError(
        `\`only\` names the tool ${quote(tool)}, which is not an accepted tool; correct gateway.json`,
      )
    const unknown = names.find(
      (name) => !of.some(({ definition: { args, others } }) => others !== undefined || Object.hasOwn(args, name)),
    )
    if (unknown !== undefined)
      throw new ArgumentError(
        `\`only\` names ${quote(unknown)}, which is not an argument of ${tool === everyTool ? 'an accepted tool' : `the tool ${quote(tool)}`}; correct gateway.json`,
      )
  }
}

/** Whether a schema gives this name to a part of a value, at any depth. */
function isNested(name: string, schema: unknown, depth: number): boolean {
  if (typeof schema !== 'object' || schema === null || depth > 64) return false
  const { properties } = schema as { readonly properties?: unknown }
  if (typeof properties === 'object' && properties !== null && Object.hasOwn(properties, name)) return true
  return Object.values(schema).some((part) => isNested(name, part, depth + 1))
}
