import type { SchemaResult, StandardSchema } from '../standard-schema.ts'

/** Says what is wrong with a value, or undefined when nothing is. The text does not hold the value. */
export type Check = (value: unknown) => string | undefined

/** Makes a schema that gives back the value it is given, so that what is checked is what was signed. */
export function argumentType<Output>(check: Check): StandardSchema<Output> {
  return schemaOf((value): SchemaResult<Output> => {
    const problem = check(value)
    return problem === undefined ? { value: value as Output } : issue(problem)
  })
}

/** Makes a schema of this library from its function. */
export function schemaOf<Output>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): StandardSchema<Output> {
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor: 'procura', validate }) })
}

/** The answer that refuses. */
export function issue(message: string): SchemaResult<never> {
  return { issues: [{ message }] }
}
