import type { StandardSchema } from '../../../../src/core/capability/standard-schema.ts'

/** The problem that a synchronous schema reports about a value; undefined if it returns that very value. */
export function problemOf(schema: StandardSchema, value: unknown): string | undefined {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) throw new Error('the schema answers later')
  if (result.issues !== undefined) return result.issues[0]?.message ?? 'no message'
  return result.value === value ? undefined : 'gives back another value'
}
