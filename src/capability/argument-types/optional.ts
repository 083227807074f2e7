import type { OptionalSchema } from '../definition.ts'
import type { StandardSchema } from '../standard-schema.ts'

/**
 * An argument that may be absent. When it is there it is of the type; `null` does not stand for absence. Absent it
 * stays: no default is put in its place, and a statement about it does not hold.
 */
export function optional<Output>(schema: StandardSchema<Output>): OptionalSchema<Output> {
  // ARG-05
  return Object.freeze({ '~standard': schema['~standard'], optional: true })
}
