/**
 * What options of audit sinks must look like.
 *
 * @module
 */

import { ArgumentError, AuditError } from '../errors.ts'
import {
  callback,
  checkFields,
  checkOptions,
  type Form,
  type Forms,
  having,
  maybe,
  oneOf,
  table,
  whole,
} from '../support/options.ts'
import type { ChainedSinkOptions } from './chained-sink.ts'
import type { LogPosition } from './events/record.ts'

/** Something that is an audit sink. */
export const sinkForm: Form = having('append')

/** Seconds since 1970. */
export const timeForm: Form = whole(0)

/** Whether what was decided counted. */
export const modeForm: Form = oneOf('enforce', 'shadow')

/** A place that no record can have would be looked for in vain, and the log taken for whole. */
export const positionForm: Form = (value) => {
  const { sequence, hash } = (table(value) === undefined ? value : {}) as Partial<LogPosition>
  return whole(0)(sequence) === undefined && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
    ? undefined
    : 'must be `{ sequence, hash }`: a whole number, and 64 hexadecimal digits in lower case'
}

/** Something that can be iterated, at once or bit by bit. A text could be too, one character after the other. */
export function iterable(what: string): Form {
  return (value) =>
    typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
      ? undefined
      : `must be ${what}`
}

/** Options of every sink that makes records. */
export const chainForms: Forms<ChainedSinkOptions> = Object.freeze({
  position: maybe(positionForm),
  sha256: maybe(callback),
})

/**
 * Reads the options of a part of the audit.
 *
 * @param of - what it is called in the message.
 * @throws ArgumentError that names the option and says what it must be.
 */
export function checkConfiguration<Options>(of: string, options: Options, forms: Forms<NoInfer<Options>>): Options {
  return checkOptions(of, options, forms, (what, named) => new ArgumentError(named ? what : `${of}: ${what}`))
}

/** Reads some fields of data, or of an instance, which may have others as well. */
export function checkParts(of: string, value: unknown, forms: Readonly<Record<string, Form>>): void {
  checkFields(value, forms, (what) => new ArgumentError(`${of}: ${what}`))
}

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
