import { ArgumentError } from '../../../errors.ts'
import { objectValue } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import type { IpldMap } from '../../ipld/value.ts'
import { checkArguments } from '../check-arguments.ts'
import { isCommand } from '../command.ts'
import type { CommandDefinition } from '../definition.ts'
import { objectionText } from '../objection-text.ts'
import { isOptional, type JsonSchema, type JsonSchemaOptions, type SchemaResult } from '../standard-schema.ts'
import { type ArgumentType, issue, schemaOf } from './argument-type.ts'
import { partOf } from './json-schema.ts'

/**
 * The schema of all arguments of a command together, for frameworks that take one: it validates as a service does, and
 * gives the JSON Schema for a model. An argument with the value `undefined` counts as absent. The JSON Schema has no
 * `$schema`, and has `additionalProperties: false`.
 *
 * The JSON Schema accepts every call that a service accepts, and more: canonical forms are only validated.
 *
 * @throws ArgumentError when `definition` was not made by `defineCommand`. So does the JSON Schema, when an argument
 *   has no JSON Schema: byte strings, and schemas of libraries without JSON Schema.
 *
 * @example
 * ```ts
 * import { argumentsSchema } from 'procura/arguments'
 *
 * const schema = argumentsSchema(send)
 * console.log(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' }))
 * ```
 */
export function argumentsSchema<Args>(definition: CommandDefinition<Args>): ArgumentType<Args> {
  if (!isCommand(definition?.command) || objectValue(definition.args) !== undefined)
    throw new ArgumentError('`definition` must be a command definition; make it with defineCommand')
  const { args, others } = definition
  return schemaOf<Args>(
    (value) => {
      // ARG-26
      if (objectValue(value) !== undefined) return issue('the arguments are not an object')
      const present = Object.entries(Object(value)).filter(([, one]) => one !== undefined)
      const given = Object.fromEntries(present)
      const found = checkArguments(definition, given as IpldMap)
      const answer = (objection: Awaited<typeof found>): SchemaResult<Args> =>
        objection === undefined ? { value: given as Args } : issue(objectionText(objection))
      return found instanceof Promise ? found.then(answer) : answer(found)
    },
    (options) => jsonSchemaOf(args, options, others !== undefined),
  )
}

function jsonSchemaOf(args: CommandDefinition['args'], options: JsonSchemaOptions, isOpen: boolean): JsonSchema {
  const entries = Object.entries(args)
  const properties = entries.map(
    ([name, schema]) => [name, partOf(schema, options, `argument ${quote(name)}`)] as const,
  )
  const required = entries.filter(([, schema]) => !isOptional(schema)).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: isOpen,
  }
}
