/**
 * Argument types for simple values: strings, numbers, booleans, bytes, fixed choices, and arguments that may be absent.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { isBytes } from '../../ipld/value.ts'
import { arrayOf, maybe, numberFrom, type OptionCheck, type OptionChecks, readOptions } from '../../support/options.ts'
import type { OptionalSchema } from '../definition.ts'
import { type StandardSchema, schemaCheck } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { isWellFormed } from './characters.ts'

/** Options of {@link text}. */
export interface TextOptions {
  /** UTF-16 code units, at least. Default 0. */
  readonly minLength?: number
  /** UTF-16 code units, at most. Default 65,536. */
  readonly maxLength?: number
}

/**
 * Any text. It has no canonical form beyond being well-formed Unicode, so `like` on it is only as good as what reads
 * the text later: for paths, URLs, addresses and names there are types of their own.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function text(options: TextOptions = {}): StandardSchema<string> {
  const { minLength = 0, maxLength = 65_536 } = readOptions('text', options, {
    minLength: maybe(numberFrom(0)),
    maxLength: maybe(numberFrom(0)),
  })
  return argumentType((value) => {
    // ARG-10
    if (typeof value !== 'string') return 'is not text'
    if (value.length < minLength) return `has fewer than ${minLength} characters`
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    return isWellFormed(value) ? undefined : 'is not well-formed Unicode'
  })
}

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

/** True or false; not `0`, `1`, or text. */
export function boolean(): StandardSchema<boolean> {
  // ARG-20
  return argumentType((value) => (typeof value === 'boolean' ? undefined : 'is not a boolean'))
}

/** Options of {@link bytes}. */
export interface BytesOptions {
  /** Bytes, at least. Default 0. */
  readonly minLength?: number
  /** Bytes, at most. Default 65,536. */
  readonly maxLength?: number
}

/**
 * A byte string; not its Base64.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function bytes(options: BytesOptions = {}): StandardSchema<Uint8Array> {
  const { minLength = 0, maxLength = 65_536 } = readOptions('bytes', options, {
    minLength: maybe(numberFrom(0)),
    maxLength: maybe(numberFrom(0)),
  })
  return argumentType((value) => {
    // ARG-21
    if (!isBytes(value)) return 'is not bytes'
    if (value.length < minLength) return `has fewer than ${minLength} bytes`
    return value.length > maxLength ? `has more than ${maxLength} bytes` : undefined
  })
}

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
