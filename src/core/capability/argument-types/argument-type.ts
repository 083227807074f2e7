import { ArgumentError } from '../../../errors.ts'
import type {
  JsonSchema,
  JsonSchemaConverter,
  JsonSchemaOptions,
  SchemaResult,
  StandardSchema,
} from '../standard-schema.ts'
import { converterOf } from './json-schema.ts'

/** An argument type of this library: a Standard Schema that also gives its JSON Schema. */
export interface ArgumentType<Output = unknown> extends StandardSchema<Output> {
  readonly '~standard': StandardSchema<Output>['~standard'] & { readonly jsonSchema: JsonSchemaConverter }
}

/** Returns the fault of a value, such as `is not a string`, or undefined. The text does not contain the value. */
export type Check = (value: unknown) => string | undefined

/**
 * Makes a schema that returns its input unchanged, so that the checked value is the signed one.
 *
 * @param json - accepts every value that the check accepts; the check is stricter. Absent for values that are not JSON.
 */
export function argumentType<Output>(check: Check, json?: JsonSchema): ArgumentType<Output> {
  return schemaOf(
    (value): SchemaResult<Output> => {
      const problem = check(value)
      return problem === undefined ? { value: value as Output } : issue(problem)
    },
    () => {
      if (json !== undefined) return structuredClone(json)
      throw new ArgumentError(
        'a byte string has no JSON Schema; pass it as a string in an encoding, or leave it out of tools',
      )
    },
  )
}

/** Makes a schema of this library from its `validate` function and its JSON Schema. */
export function schemaOf<Output>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
  json: (options: JsonSchemaOptions) => JsonSchema,
): ArgumentType<Output> {
  const jsonSchema = converterOf(json)
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor: 'procura', validate, jsonSchema }) })
}

/** A result that refuses the value. */
export function issue(message: string): SchemaResult<never> {
  return { issues: [{ message }] }
}
