import { ArgumentError } from '../../errors.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/**
 * One of the values listed, and nothing that only looks like one.
 *
 * @throws ArgumentError when none is listed.
 */
export function oneOf<const Value extends string | number | boolean | null>(
  values: readonly Value[],
): StandardSchema<Value> {
  const allowed = new Set<unknown>(values)
  if (allowed.size === 0) throw new ArgumentError('`oneOf` needs a value')
  // ARG-22
  return argumentType((value) => (allowed.has(value) ? undefined : 'is not one of the values that are taken'))
}
