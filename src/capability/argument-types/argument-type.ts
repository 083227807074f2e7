import type { SchemaResult, StandardSchema } from '../standard-schema.ts'

/** Returns the fault of a value, such as `is not a string`, or undefined. The text does not contain the value. */
export type Check = (value: unknown) => string | undefined

/** Makes a schema that returns its input unchanged, so that the checked value is the signed one. */
export function argumentType<Output>(check: Check): StandardSchema<Output> {
  return schemaOf((value): SchemaResult<Output> => {
    const problem = check(value)
    return problem === undefined ? { value: value as Output } : issue(problem)
  })
}

/** Makes a schema of this library from its `validate` function. */
export function schemaOf<Output>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): StandardSchema<Output> {
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor: 'procura', validate }) })
}

/** A result that refuses the value. */
export function issue(message: string): SchemaResult<never> {
  return { issues: [{ message }] }
}
