/**
 * What options of audit sinks must look like.
 *
 * @module
 */

import { ArgumentError, AuditError } from '../errors.ts'
import {
  callback,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  withMethod,
} from '../support/options.ts'
import type { ChainedSinkOptions } from './chained-sink.ts'
import type { LogPosition } from './events/record.ts'

/** An audit sink. Messages quote its name, and it is closed at the end: a sink without them would fail only then. */
export const sinkCheck: OptionCheck = (value) =>
  withMethod('append')(value) ??
  withMethod('close')(value) ??
  (nonEmptyString(Reflect.get(value as object, 'name')) === undefined
    ? undefined
    : 'must have a `name`, which is a non-empty string')

/** Seconds since 1970. */
export const timeCheck: OptionCheck = integerFrom(0)

/** Whether what was decided counted. */
export const modeCheck: OptionCheck = oneOfStrings('enforce', 'shadow')

/** A place that no record can have would be looked for in vain, and the log taken for whole. */
export const positionCheck: OptionCheck = (value) => {
  const { sequence, hash } = (objectValue(value) === undefined ? value : {}) as Partial<LogPosition>
  return integerFrom(0)(sequence) === undefined && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
    ? undefined
    : 'must be `{ sequence, hash }`: a whole number, and 64 hexadecimal digits in lower case'
}

/** Something that can be iterated, at once or bit by bit. A text could be too, one character after the other. */
export function iterable(what: string): OptionCheck {
  return (value) =>
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
      ? undefined
      : `must be ${what}`
}

/** Options of every sink that makes records. */
export const chainChecks: OptionChecks<ChainedSinkOptions> = Object.freeze({
  position: maybe(positionCheck),
  sha256: maybe(callback),
})

/**
 * Runs what a sink needs of the machine when it is made.
 *
 * @param message - what cannot be done, and what to do; the code of the error is put behind it.
 * @throws AuditError `ERR_AUDIT_CONFIGURATION`, unless the error is one already.
 */
export function setUp<T>(message: string, task: () => T): T {
  try {
    return task()
  } catch (cause) {
    if (cause instanceof AuditError || cause instanceof ArgumentError) throw cause
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new AuditError('ERR_AUDIT_CONFIGURATION', `${message}${code}`, { cause })
  }
}
