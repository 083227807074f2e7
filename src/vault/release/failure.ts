/**
 * Errors about failures of other code. Its messages can contain a secret: a JSON parser quotes its input, a URL parser
 * the URL. So only names and codes are kept.
 *
 * @module
 */

import { ArgumentError, VaultError, type VaultErrorCode } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { type Secret, type SecretValue, toSecret } from '../secret.ts'

/**
 * Makes a {@link VaultError} whose cause is a stand-in for `cause`: its name and code, without its text.
 *
 * @param message - text of this library, without a secret.
 * @param cause - the error that was caught; a `VaultError` is kept as it is.
 */
export function vaultFailure(code: VaultErrorCode, message: string, cause?: unknown): VaultError {
  if (cause === undefined) return new VaultError(code, message)
  const reason = describeCause(cause)
  return new VaultError(code, reason === '' ? message : `${message} (${reason})`, { cause: safeCause(cause) })
}

/**
 * A failure that one call caused, for example by a missing subject token. It does not count against the store, and must
 * not open the circuit breaker.
 */
export class CallFailure extends VaultError {
  /** @param error - the error to show to the caller. */
  constructor(error: VaultError) {
    super(error.code, error.message, { cause: error.cause })
    this.name = 'VaultError'
  }
}

/**
 * Calls a callback that returns a secret. The text of its errors is not kept.
 *
 * @param what - the callback, for the message.
 * @param signal - ends the wait.
 * @throws VaultError of the callback, or `ERR_VAULT_UNAVAILABLE`.
 */
export async function fromCaller<T>(
  what: string,
  task: () => T | Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return await unlessAborted(task, signal)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `${what} failed`, cause)
  }
}

/**
 * Calls a callback that returns a {@link SecretValue}.
 *
 * @param what - the callback, for the message.
 * @throws VaultError as {@link fromCaller} does, and `ERR_VAULT_CONFIGURATION` when the callback returns another value.
 */
export async function secretFromCaller(
  what: string,
  task: () => SecretValue | Promise<SecretValue>,
  signal: AbortSignal | undefined,
): Promise<Secret> {
  const value = await fromCaller(what, task, signal)
  return atRunTime(() => toSecret(value, what))
}

/**
 * Reads data that does not come from the program, such as stored rules, by a function that reads options.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` where the function throws an ArgumentError.
 */
export function atRunTime<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause
    throw new VaultError('ERR_VAULT_CONFIGURATION', cause.message, { cause })
  }
}

/** The code of an error, or its name, if it is a plain identifier; otherwise an empty string. */
function describeCause(cause: unknown): string {
  for (let error = cause, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth += 1) {
    const code = (error as { readonly code?: unknown }).code
    if (typeof code === 'string' && identifierTag.test(code)) return code
  }
  return cause instanceof Error && identifierTag.test(cause.name) ? cause.name : ''
}

/** A stand-in for the error of somebody else: its name and code, without its text. */
export function safeCause(cause: unknown): Error {
  if (cause instanceof VaultError) return cause
  // SEC-03
  const safe = new Error(describeCause(cause) || 'unknown')
  if (cause instanceof Error && identifierTag.test(cause.name)) safe.name = cause.name
  return safe
}

/** Names of errors and codes such as `ECONNREFUSED`, `UND_ERR_SOCKET`, `TimeoutError`. */
const identifierTag = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
