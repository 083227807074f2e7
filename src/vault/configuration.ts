/**
 * What options of vaults and sources must look like.
 *
 * @module
 */

import { callback, checkOptions, type Form, having, maybe, milliseconds, table, whole } from '../check-options.ts'
import { ProcuraError, quote, VaultError } from '../errors.ts'
import { Secret } from './secret.ts'

/** Options that every vault has. */
export const vaultForms: Readonly<Record<string, Form>> = Object.freeze({
  clock: maybe(having('now')),
  fetch: maybe(callback),
  readTimeoutMs: maybe(milliseconds),
  upstreamTimeoutMs: maybe(milliseconds),
  redirects: maybe(whole(0)),
  onRevokeFailure: maybe(callback),
  resilience: maybe(table),
})

/** A secret as a program has it. */
export const secretValue: Form = (value) => {
  if (Secret.is(value) || (typeof value === 'string' && value !== '')) return undefined
  if (value instanceof Uint8Array && value.length > 0) return undefined
  const wrong = 'must be a secret: text or bytes that are not empty, or an object of named texts'
  if (table(value) !== undefined || value instanceof Uint8Array) return wrong
  const fields = Object.values(value as object)
  return fields.length > 0 && fields.every((field) => typeof field === 'string') ? undefined : wrong
}

/**
 * Checks the options of something that belongs to the vault.
 *
 * @param of - what it is called in the message.
 * @throws VaultError `ERR_VAULT_CONFIGURATION` that names the option and says what it must be.
 */
export function checkConfiguration(of: string, options: unknown, forms: Readonly<Record<string, Form>>): void {
  checkOptions(options, forms, (what) => misconfigured(of, what))
}

/** Checks each entry of a table by name, such as `credentials`. */
export function checkEntries(
  of: string,
  entries: Readonly<Record<string, unknown>>,
  forms: Readonly<Record<string, Form>>,
): void {
  for (const [name, entry] of Object.entries(entries))
    checkConfiguration(`${of}: credential ${quote(name)}`, entry, forms)
}

/**
 * Reads a part of the options by a parser of its own, whose error does not say which option it was.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION`.
 */
export function parsed<T>(of: string, option: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof ProcuraError)) throw cause
    throw misconfigured(of, `\`${option}\`: ${cause.message}`)
  }
}

function misconfigured(of: string, what: string): VaultError {
  return new VaultError('ERR_VAULT_CONFIGURATION', `${of}: ${what}`)
}
