import { ArgumentError } from '../../errors.ts'
import { arrayOf, type OptionCheck, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/**
 * One of the values listed, and nothing that only looks like one.
 *
 * @throws ArgumentError when none is listed, or one that no call can carry.
 */
export function oneOf<const Value extends string | number | boolean | null>(
  values: readonly Value[],
): StandardSchema<Value> {
  readOptions('oneOf', { values }, { values: arrayOf(plain) })
  const allowed = new Set<unknown>(values)
  if (allowed.size === 0) throw new ArgumentError('`oneOf` needs a value')
  // ARG-22
  return argumentType((value) => (allowed.has(value) ? undefined : 'is not one of the values that are taken'))
}

const plain: OptionCheck = (value) =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
    ? undefined
    : 'must be text, a number, a boolean or null'
