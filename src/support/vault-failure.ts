/**
 * Errors about failures of other code. Its messages can contain a secret: a JSON parser quotes its input, a URL parser
 * the URL. So only names and codes are kept.
 *
 * @module
 */

import { VaultError, type VaultErrorCode } from '../errors.ts'

/**
 * Makes a {@link VaultError} whose cause is a stand-in for `cause`: its name and code, without its text.
 *
 * @param message - text of this library, without a secret.
 * @param cause - the error that was caught; a `VaultError` is kept as it is.
 */
export function vaultFailure(code: VaultErrorCode, message: string, cause?: unknown): VaultError {
  if (cause === undefined) return new VaultError(code, message)
  const reason = describeCause(cause)
  const full = isFullDisk(reason) ? ': the disk is full' : ''
  return new VaultError(code, reason === '' ? message : `${message}${full} (${reason})`, { cause: safeCause(cause) })
}

/** Whether the code of an error says that there is no room for a file: of the disk, or for its user. */
export function isFullDisk(code: unknown): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
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
