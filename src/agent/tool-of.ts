import type { ArgumentType } from '../core/capability/argument-types/argument-type.ts'
import { argumentsSchema } from '../core/capability/argument-types/arguments-schema.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { JsonSchema } from '../core/capability/standard-schema.ts'
import { ArgumentError } from '../errors.ts'
import { maybe, nonEmptyString, type OptionCheck, objectValue, readOptions } from '../support/options.ts'
import type { AgentCapability } from './agent.ts'

/** Options of {@link toolOf}. */
export interface ToolOptions {
  /**
   * The name for the model: 1 to 64 letters, digits, `_` and `-`. Default: the command, with `_` between its segments.
   */
  readonly name?: string
  /** The effect of the tool, for the model. Default: the description of the definition. */
  readonly description?: string
  /** The capability for the tool, whose conditions are added to the description. Default: none is added. */
  readonly capability?: Pick<AgentCapability, 'conditions'>
}

/** A command as a tool: for a framework that takes a name, a description and a schema. */
export interface AgentTool<Args = unknown> {
  readonly name: string
  readonly description: string
  /** The definition, for `can` and `call`. */
  readonly definition: CommandDefinition<Args>
  /**
   * The schema of the arguments: a Standard Schema, for the AI SDK, Mastra, OpenAI Agents (strict) and the SDK 2 of
   * MCP. It is a JSON Schema at the same time, and not frozen: LangChain takes it and writes to it. The types of
   * LangChain take `jsonSchema`.
   */
  readonly schema: ArgumentType<Args>
  /**
   * The JSON Schema of the arguments, of draft 2020-12: for LangChain, OpenAI Agents with `strict: false`, and
   * providers.
   */
  readonly jsonSchema: JsonSchema
}

/**
 * Makes the declaration of a tool from the definition of a command, so that the schema for the model, the validation
 * and the types of the policy are one thing. Two commands can have the same default name, such as `/mail/send` and
 * `/mail_send`: choose a `name` then.
 *
 * @throws ArgumentError when an option is invalid, or an argument has no JSON Schema.
 *
 * @example
 * ```ts
 * import { toolOf } from 'procura/agent'
 *
 * const { name, description, jsonSchema } = toolOf(send)
 * console.log(name, description, jsonSchema) // mail_send …
 * ```
 */
export function toolOf<Args>(definition: CommandDefinition<Args>, options: ToolOptions = {}): AgentTool<Args> {
  const standard = argumentsSchema(definition)['~standard']
  const jsonSchema = (): JsonSchema => standard.jsonSchema.input({ target: 'draft-2020-12' })
  const given = readOptions('toolOf', options, {
    name: maybe(toolName),
    description: maybe(nonEmptyString),
    capability: maybe(objectValue),
  })
  const { name = toolNameOf(definition), description = definition.description ?? definition.command } = given
  const conditions = given.capability?.conditions ?? []
  const allowed = conditions.length === 0 ? '' : ` Permitted only where ${conditions.join(', and ')}.`
  // Not enumerable: readers of JSON Schema do not meet it.
  const schema: object = Object.defineProperty(jsonSchema(), '~standard', { value: standard })
  return Object.freeze({
    name,
    description: `${description.replace(/\.$/, '')}.${allowed}`,
    definition,
    schema: schema as ArgumentType<Args>,
    jsonSchema: jsonSchema(),
  })
}

/**
 * The default name of the tool of a command. AGT-16
 *
 * @throws ArgumentError when it is not a name that model providers accept.
 */
export function toolNameOf({ command }: CommandDefinition): string {
  const name = command.slice(1).replaceAll('/', '_')
  const fault = toolName(name)
  if (fault !== undefined) throw new ArgumentError(`toolOf: the name of ${command} ${fault}; pass a \`name\``)
  return name
}

const toolName: OptionCheck = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)
    ? undefined
    : 'must be 1 to 64 letters, digits, `_` and `-`'
