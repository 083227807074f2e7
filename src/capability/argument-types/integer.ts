import { readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { boundChecks, boundProblem, type NumberOptions } from './number.ts'

/**
 * A whole number within ±(2^53 - 1), or within the bounds given.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function integer(options: NumberOptions = {}): StandardSchema<number> {
  const given = readOptions('integer', options, boundChecks)
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = given
  return argumentType((value) => {
    // ARG-19
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) return 'is not a whole number'
    return boundProblem(value, min, max)
  })
}
