import { argumentsSchema } from '../capability/argument-types/arguments-schema.ts'
import { boolean, integer, number, oneOf, optional, text } from '../capability/argument-types/basic.ts'
import { email } from '../capability/argument-types/email.ts'
import { hostName } from '../capability/argument-types/host-name.ts'
import { ipAddress } from '../capability/argument-types/ip-address.ts'
import { listOf } from '../capability/argument-types/list-of.ts'
import { url } from '../capability/argument-types/url.ts'
import { type CommandDefinition, defineCommand } from '../capability/definition.ts'
import type { StandardSchema } from '../capability/standard-schema.ts'
import { ArgumentError } from '../errors.ts'
import { flag, maybe, nonEmptyString, type OptionChecks, objectValue, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'

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
   * Argument types in the place of those of the JSON Schema, by the name of the argument: for paths, shell words and other
   * arguments that name a resource, and for parts of JSON Schema that are not supported.
   */
  readonly types?: CommandDefinition['args']
  /** Whether a repetition has no further effect. Default false. */
  readonly idempotent?: boolean
}

const checks: OptionChecks<CommandOfToolOptions> = Object.freeze({
  command: nonEmptyString,
  types: maybe(objectValue),
  idempotent: maybe(flag),
})

type Schema = Readonly<Record<string, unknown>>

/**
 * Makes the definition of a command from the JSON Schema of a tool. The definition is closed: arguments that the schema does
 * not list are refused, in nested objects as well. A schema with a part that is not understood is refused, with the place
 * and the remedy. MCP-16
 *
 * @throws ArgumentError when a part of the schema is not supported, or an option is invalid.
 *
 * @example
 * ```ts
 * import { path } from 'procura/arguments'
 * import { commandOfTool } from 'procura/mcp'
 *
 * const inputSchema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] }
 * const readFile = commandOfTool({ name: 'read_file', inputSchema }, { command: '/file/read', types: { path: path() } })
 * ```
 */
export function commandOfTool(tool: DescribedTool, options: CommandOfToolOptions): CommandDefinition {
  readOptions('commandOfTool', { tool }, { tool: objectValue })
  const { command, types = {}, idempotent } = readOptions('commandOfTool', options, checks)
  const { name, description, inputSchema } = tool
  const args = readObject(inputSchema, `the schema of the tool ${quote(String(name))}`, types)
  for (const argument of Object.keys(types)) {
    if (!Object.hasOwn(args, argument))
      throw new ArgumentError(`commandOfTool: \`types\` names ${quote(argument)}, which is not an argument of the tool`)
  }
  return defineCommand({
    command,
    args,
    ...(typeof description === 'string' && { description: description.replaceAll(/\s+/g, ' ').trim() }),
    ...(idempotent !== undefined && { idempotent }),
  })
}

/** Keywords that have no influence on validity. An absent argument gets no default before it is decided about. */
const annotations = ['$comment', '$schema', 'default', 'deprecated', 'description', 'examples', 'title']

function readObject(given: unknown, place: string, types: CommandDefinition['args'] = {}): CommandDefinition['args'] {
  const schema = keywordsOf(given, place, ['type', 'properties', 'required', 'additionalProperties'])
  const { type, properties = {}, required = [], additionalProperties = false } = schema
  if (type !== 'object') throw unsupported(place, '`type` other than `object`')
  // MCP-17: closed, so that no argument escapes the policies.
  if (additionalProperties !== false) throw unsupported(place, '`additionalProperties`')
  if (objectValue(properties) !== undefined || !Array.isArray(required))
    throw unsupported(place, 'malformed `properties` or `required`')
  const entries = Object.entries(properties as Schema)
  const stray = required.find((name) => !entries.some(([known]) => known === name))
  if (stray !== undefined) throw unsupported(place, `a required argument ${quote(String(stray))} without a schema`)
  return Object.fromEntries(
    entries.map(([name, part]) => {
      const own = Object.hasOwn(types, name) ? types[name] : undefined
      const read = own ?? readValue(part, `${quote(name)} in ${place}`)
      return [name, required.includes(name) ? read : optional(read)]
    }),
  )
}

function readValue(given: unknown, place: string): StandardSchema {
  const { type, enum: listed, const: only } = Object(given) as Schema
  if (listed !== undefined || only !== undefined) {
    keywordsOf(given, place, ['type', 'enum', 'const'])
    return oneOf((listed ?? [only]) as readonly string[])
  }
  if (type === 'string') return readText(given, place)
  if (type === 'boolean') {
    keywordsOf(given, place, ['type'])
    return boolean()
  }
  if (type === 'integer' || type === 'number') {
    const { minimum: min, maximum: max } = keywordsOf(given, place, ['type', 'minimum', 'maximum'])
    const bounds = {
      ...(min !== undefined && { min: min as number }),
      ...(max !== undefined && { max: max as number }),
    }
    return type === 'integer' ? integer(bounds) : number(bounds)
  }
  if (type === 'array') {
    const { items, minItems, maxItems } = keywordsOf(given, place, ['type', 'items', 'minItems', 'maxItems'])
    return listOf(readValue(items, `the items of ${place}`), lengths(minItems, maxItems))
  }
  if (type === 'object') {
    // The command of the part is never called; its arguments are checked like those of a call.
    return argumentsSchema(defineCommand({ command: '/part', args: readObject(given, place) }))
  }
  throw unsupported(place, type === undefined ? 'no `type`' : '`type` in this form')
}

/** The formats that have an argument type: such strings have one spelling. MCP-18 */
const formats: ReadonlyMap<unknown, () => StandardSchema> = new Map<unknown, () => StandardSchema>([
  ['email', () => email()],
  ['hostname', () => hostName()],
  ['ipv4', () => ipAddress({ version: 4 })],
  ['ipv6', () => ipAddress({ version: 6 })],
  ['uri', () => url({ schemes: ['http', 'https'] })],
])

function readText(given: unknown, place: string): StandardSchema {
  const { format } = Object(given) as Schema
  const { minLength, maxLength } = keywordsOf(given, place, [
    ...['type', 'minLength', 'maxLength', 'format'],
    // The pattern of a known format describes the same strings, for validators that do not know the format.
    ...(formats.has(format) ? ['pattern'] : []),
  ])
  if (format === undefined) return text(lengths(minLength, maxLength))
  const known = formats.get(format)
  if (known === undefined) throw unsupported(place, `the format ${quote(String(format))}`)
  return known()
}

function lengths(least: unknown, most: unknown): { readonly minLength?: number; readonly maxLength?: number } {
  return {
    ...(least !== undefined && { minLength: least as number }),
    ...(most !== undefined && { maxLength: most as number }),
  }
}

/** A schema whose keywords are all understood. */
function keywordsOf(given: unknown, place: string, known: readonly string[]): Schema {
  if (objectValue(given) !== undefined) throw unsupported(place, 'a schema that is not an object')
  const unknown = Object.keys(given as Schema).find((name) => !known.includes(name) && !annotations.includes(name))
  if (unknown !== undefined) throw unsupported(place, quote(unknown))
  return given as Schema
}

function unsupported(place: string, found: string): ArgumentError {
  return new ArgumentError(
    `commandOfTool: ${place} has ${found}, which is not supported; pass a type for the argument in \`types\`, or define the command with defineCommand`,
  )
}
