import { type CommandDefinition, defineCommand } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import {
  flag,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { readObject } from './tool-schema/read-schema.ts'

/** A tool as `tools/list` reports it. */
export interface DescribedTool {
  readonly name: string
  readonly description?: string | undefined
  /** The JSON Schema of its arguments. */
  readonly inputSchema: unknown
}

/** Options of {@link commandOfTool}. */
export interface CommandOfToolOptions {
  /** The command, such as `/mail/send`. */
  readonly command: string
  /**
   * Argument types in the place of those of the JSON Schema, by the name of the argument: for paths, shell words and
   * other arguments that name a resource, and for parts of JSON Schema that are not supported. Default: those of the
   * schema.
   */
  readonly types?: CommandDefinition['args']
  /**
   * The reading of parts of the schema that are not supported. `refuse`: an error. `json`: any value of JSON, for tools
   * of servers that others write; keywords that only restrict are ignored, and are left to the server. Default
   * `refuse`.
   */
  readonly unsupported?: 'refuse' | 'json'
  /** Whether a repetition has no further effect. Default false. */
  readonly idempotent?: boolean
}

const checks: OptionChecks<CommandOfToolOptions> = Object.freeze({
  command: nonEmptyString,
  types: maybe(objectValue),
  unsupported: maybe(oneOfStrings('refuse', 'json')),
  idempotent: maybe(flag),
})

/**
 * Makes the definition of a command from the JSON Schema of a tool. The definition is closed: arguments that the schema
 * does not list are refused, in nested objects as well. A schema with a part that is not understood is refused, with
 * the place and the remedy; see `unsupported`. MCP-16
 *
 * @throws ArgumentError when a part of the schema is not supported, or an option is invalid.
 *
 * @example
 * ```ts
 * import { path } from 'procura/arguments'
 * import { commandOfTool } from 'procura/mcp'
 *
 * const inputSchema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] }
 * const tool = { name: 'read_file', inputSchema }
 * const readFile = commandOfTool(tool, { command: '/file/read', types: { path: path() } })
 * ```
 */
export function commandOfTool(tool: DescribedTool, options: CommandOfToolOptions): CommandDefinition {
  readOptions('commandOfTool', { tool }, { tool: objectValue })
  const { command, types = {}, unsupported, idempotent } = readOptions('commandOfTool', options, checks)
  const { name, description, inputSchema } = tool
  const reading = { root: inputSchema, isLenient: unsupported === 'json', parts: 0 }
  const place = `the schema of the tool ${quote(String(name))}`
  const { args, others } = readObject(reading, inputSchema, place, 0, types)
  for (const argument of Object.keys(types)) {
    if (!Object.hasOwn(args, argument))
      throw new ArgumentError(`commandOfTool: \`types\` names ${quote(argument)}, which is not an argument of the tool`)
  }
  const definition = defineCommand({
    command,
    args,
    ...(typeof description === 'string' && { description: description.replaceAll(/\s+/g, ' ').trim() }),
    ...(idempotent !== undefined && { idempotent }),
  })
  if (others === undefined) return definition
  if (!reading.isLenient) throw new ArgumentError(`commandOfTool: ${place} permits arguments without a name`)
  return Object.freeze({ ...definition, others })
}
