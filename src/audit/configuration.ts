/**
 * Checks of options of audit sinks.
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
  suchAs,
  withMethod,
} from '../support/options.ts'

import type { LogPosition, Sha256 } from './events/record.ts'

/** Options of {@link chainedSink}. */
export interface ChainedSinkOptions {
  /** The last record of the log to continue. Default: the beginning of a log. */
  readonly position?: LogPosition
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

/** An audit sink. Messages quote its name, and it is closed at the end: a sink without them would fail only then. */
export const sinkCheck: OptionCheck = (value) =>
  suchAs(withMethod('append'), 'memoryAuditSink() or the result of openJsonlAuditSink')(value) ??
  withMethod('close')(value) ??
  (nonEmptyString(Reflect.get(value as object, 'name')) === undefined
    ? undefined
    : 'must have a `name`, which is a non-empty string')

/** Seconds since 1970. */
export const timeCheck: OptionCheck = integerFrom(0)

/** The mode of a decision. */
export const modeCheck: OptionCheck = oneOfStrings('enforce', 'shadow')

/** A position. With an impossible one, a verifier would find no difference and report a truncated log as valid. */
export const positionCheck: OptionCheck = (value) => {
  const { sequence, hash } = (objectValue(value) === undefined ? value : {}) as Partial<LogPosition>
  return integerFrom(0)(sequence) === undefined && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
    ? undefined
    : 'must be `{ sequence, hash }`: an integer >= 0, and 64 hexadecimal digits in lower case'
}

/** An iterable or async iterable object. A string is not accepted: it would be iterated by character. */
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
 * Runs the set-up of a sink.
 *
 * @param message - of the error: the fault and the remedy. The code of the cause is appended.
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
