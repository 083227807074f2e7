import { readOptions } from '../../support/options.ts'
import type { OptionalSchema } from '../definition.ts'
import { type StandardSchema, schemaCheck } from '../standard-schema.ts'

/**
 * An argument that may be absent. When it is there it is of the type; `null` does not stand for absence. Absent it
 * stays: no default is put in its place, and a statement about it does not hold. A policy that lets it be absent says
 * so: `or(eq('.lines?', null), lte('.lines?', 10))`.
 *
 * @throws ArgumentError when `schema` is no Standard Schema.
 */
export function optional<Output>(schema: StandardSchema<Output>): OptionalSchema<Output> {
  readOptions('optional', { schema }, { schema: schemaCheck })
  // ARG-05
  return Object.freeze({ '~standard': schema['~standard'], optional: true })
}
