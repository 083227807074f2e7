/**
 * What options of audit sinks must look like.
 *
 * @module
 */

import { callback, checkOptions, type Form, having, maybe, table } from '../check-options.ts'
import { ArgumentError, AuditError } from '../errors.ts'

/** Something that is an audit sink. */
export const sinkForm: Form = having('append')

/** Options of every sink that makes records. */
export const chainForms: Readonly<Record<string, Form>> = Object.freeze({
  position: maybe(table),
  sha256: maybe(callback),
})

/**
 * Checks the options of a part of the audit.
 *
 * @param of - what it is called in the message.
 * @throws ArgumentError that names the option and says what it must be.
 */
export function checkConfiguration(of: string, options: unknown, forms: Readonly<Record<string, Form>>): void {
  checkOptions(options, forms, (what) => new ArgumentError(`${of}: ${what}`))
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
