import type { StandardSchema } from '../../../src/capability/standard-schema.ts'

/** What a schema that answers at once has against a value; undefined when it gives back that very value. */
export function problemOf(schema: StandardSchema, value: unknown): string | undefined {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) throw new Error('the schema answers later')
  if (result.issues !== undefined) return result.issues[0]?.message ?? 'no message'
  return result.value === value ? undefined : 'gives back another value'
}
