import { maybe, type OptionChecks, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/** Options of {@link number} and {@link integer}. */
export interface NumberOptions {
  /** The least that is taken. Default: none for numbers; for integers what IPLD can say, -(2^53 - 1). */
  readonly min?: number
  /** The most that is taken. Default: none for numbers; for integers what IPLD can say, 2^53 - 1. */
  readonly max?: number
}

/**
 * A number, whole or not. Its canonical form is its value: `1` and `1.0` are one number.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function number(options: NumberOptions = {}): StandardSchema<number> {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = readOptions('number', options, boundChecks)
  return argumentType((value) => {
    // ARG-18
    if (typeof value !== 'number' || !Number.isFinite(value)) return 'is not a number'
    return boundProblem(value, min, max)
  })
}

/** Checks of {@link NumberOptions}. */
export const boundChecks: OptionChecks<NumberOptions> = Object.freeze({
  min: maybe(bound),
  max: maybe(bound),
})

/** Infinity is a bound, and none. */
function bound(value: unknown): string | undefined {
  return typeof value === 'number' && !Number.isNaN(value) ? undefined : 'must be a number'
}

/** Says which bound a number is beyond, or undefined. */
export function boundProblem(value: number, min: number, max: number): string | undefined {
  if (value < min) return `is less than ${min}`
  return value > max ? `is more than ${max}` : undefined
}
