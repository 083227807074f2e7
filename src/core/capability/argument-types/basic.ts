/**
 * Argument types for simple values: strings, numbers, booleans, bytes, fixed choices, and arguments that may be absent.
 *
 * @module
 */

import { nonEmptyArrayOf, numberFrom, type OptionCheck, readOptions, withDefault } from '../../../support/options.ts'
import { isBytes } from '../../ipld/value.ts'
import type { OptionalSchema } from '../definition.ts'
import { type JsonSchema, type StandardSchema, schemaCheck } from '../standard-schema.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { isWellFormed } from './characters.ts'
import { stringOf } from './json-schema.ts'

/** Options of {@link text}. */
export interface TextOptions {
  /** Fewest UTF-16 code units. Default 0. */
  readonly minLength?: number
  /** Most UTF-16 code units. Default 65,536. */
  readonly maxLength?: number
}

/**
 * Any string of well-formed Unicode, also of several lines; see `oneLine` for a name or a title. It has no other
 * canonical form, so a policy with `like` may not restrict how the handler interprets the string. For paths, URLs,
 * addresses and names, use the types of their own.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function text(options: TextOptions = {}): ArgumentType<string> {
  const { minLength, maxLength } = readOptions('text', options, {
    minLength: withDefault(numberFrom(0), 0),
    maxLength: withDefault(numberFrom(0), 65_536),
  })
  return argumentType(
    (value) => {
      // ARG-10
      if (typeof value !== 'string') return 'is not a string'
      if (value.length < minLength) return `has fewer than ${minLength} characters`
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      return isWellFormed(value) ? undefined : 'is not well-formed Unicode'
    },
    stringOf(minLength, maxLength),
  )
}

/** Options of {@link number} and {@link integer}. */
export interface NumberOptions {
  /** The least value. Default: no limit for numbers; -(2^53 - 1), the least integer of IPLD, for integers. */
  readonly min?: number
  /** The greatest value. Default: no limit for numbers; 2^53 - 1, the greatest integer of IPLD, for integers. */
  readonly max?: number
}

/**
 * A number, integer or not. Its canonical form is its value: `1` and `1.0` are the same number.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function number(options: NumberOptions = {}): ArgumentType<number> {
  const { min, max } = readOptions('number', options, {
    min: withDefault(bound, Number.NEGATIVE_INFINITY),
    max: withDefault(bound, Number.POSITIVE_INFINITY),
  })
  return argumentType(
    (value) => {
      // ARG-18
      if (typeof value !== 'number' || !Number.isFinite(value)) return 'is not a number'
      return boundProblem(value, min, max)
    },
    { type: 'number', ...bounds(min, max) },
  )
}

/**
 * An integer within ±(2^53 - 1), or within the given bounds.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function integer(options: NumberOptions = {}): ArgumentType<number> {
  const { min, max } = readOptions('integer', options, {
    min: withDefault(bound, Number.MIN_SAFE_INTEGER),
    max: withDefault(bound, Number.MAX_SAFE_INTEGER),
  })
  return argumentType(
    (value) => {
      // ARG-19
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) return 'is not an integer'
      return boundProblem(value, min, max)
    },
    { type: 'integer', ...bounds(min, max) },
  )
}

/** The bounds that a caller gave. Those of every integer of IPLD are left out. */
function bounds(min: number, max: number): JsonSchema {
  return {
    ...(min > Number.MIN_SAFE_INTEGER && { minimum: min }),
    ...(max < Number.MAX_SAFE_INTEGER && { maximum: max }),
  }
}

/** Accepts infinity: it means no limit. */
const bound: OptionCheck = (value) =>
  typeof value === 'number' && !Number.isNaN(value) ? undefined : 'must be a number'

function boundProblem(value: number, min: number, max: number): string | undefined {
  if (value < min) return `is less than ${min}`
  return value > max ? `is more than ${max}` : undefined
}

/** True or false; not `0`, `1`, or a string. */
export function boolean(): ArgumentType<boolean> {
  // ARG-20
  return argumentType((value) => (typeof value === 'boolean' ? undefined : 'is not a boolean'), { type: 'boolean' })
}

/** Options of {@link bytes}. */
export interface BytesOptions {
  /** Fewest bytes. Default 0. */
  readonly minLength?: number
  /** Most bytes. Default 65,536. */
  readonly maxLength?: number
}

/**
 * A byte string; not its Base64.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function bytes(options: BytesOptions = {}): ArgumentType<Uint8Array> {
  const { minLength, maxLength } = readOptions('bytes', options, {
    minLength: withDefault(numberFrom(0), 0),
    maxLength: withDefault(numberFrom(0), 65_536),
  })
  return argumentType((value) => {
    // ARG-21: a proxy of bytes has no memory, and its length cannot be read.
    if (!ArrayBuffer.isView(value) || !isBytes(value)) return 'is not a byte string'
    if (value.length < minLength) return `has fewer than ${minLength} bytes`
    return value.length > maxLength ? `has more than ${maxLength} bytes` : undefined
  })
}

/**
 * One of the listed values, compared by `===`.
 *
 * @throws ArgumentError when `values` is empty or contains a value that is not a string, finite number, boolean or
 *   null.
 */
export function oneOf<const Value extends string | number | boolean | null>(
  values: readonly Value[],
): ArgumentType<Value> {
  const read = readOptions('oneOf', { values }, { values: nonEmptyArrayOf(plain) })
  const allowed = new Set<unknown>(read.values)
  // ARG-22
  return argumentType(
    (value) => (allowed.has(value) ? undefined : 'is not one of the allowed values'),
    choiceOf(read.values),
  )
}

function choiceOf(values: readonly unknown[]): JsonSchema {
  const isText = values.every((value) => typeof value === 'string')
  return { ...(isText && { type: 'string' }), enum: [...values] }
}

const plain: OptionCheck = (value) =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
    ? undefined
    : 'must be a string, a finite number, a boolean or null'

/**
 * An argument that may be absent. When it is present it matches `schema`; `null` does not mean absent. An absent
 * argument gets no default, and a statement about it does not hold. To allow absence in a policy, write
 * `or(eq('.lines?', null), lte('.lines?', 10))`.
 *
 * @throws ArgumentError when `schema` is not a Standard Schema.
 */
export function optional<Output>(schema: StandardSchema<Output>): OptionalSchema<Output> {
  readOptions('optional', { schema }, { schema: schemaCheck })
  // ARG-05
  return Object.freeze({ '~standard': schema['~standard'], optional: true })
}
