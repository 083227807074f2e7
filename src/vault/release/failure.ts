/**
 * Failures of callbacks, and of data that does not come from the program.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { vaultFailure } from '../../support/vault-failure.ts'
import { type Secret, type SecretValue, toSecret } from '../secret.ts'

/**
 * A failure that a working store answered for one secret, for example because a limit for one user is reached. The
 * circuit breaker of this secret counts it, and not the one of the store.
 */
export class SecretFailure extends VaultError {
  /** @param message - text of this library, without a secret. */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_VAULT_UNAVAILABLE', message, options)
    this.name = 'VaultError'
  }
}

/**
 * An error of a source that is not a `VaultError`, or a token of a call that did not come. It can be a refusal, so it
 * ends the use of a kept secret.
 */
export class UnknownFailure extends SecretFailure {}

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
