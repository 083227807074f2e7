/**
 * What options of vaults and sources must look like.
 *
 * @module
 */

import { ArgumentError, ProcuraError } from '../errors.ts'
import {
  callback,
  type DefaultCheck,
  integerFrom,
  maybe,
  milliseconds,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { systemClock } from '../time.ts'
import type { VaultOptions } from './create-vault.ts'
import { Secret } from './secret.ts'

type Defaulted = Exclude<keyof VaultOptions, 'onRevokeFailure'>

/** The options that every vault has, with their defaults. */
export type VaultSettings = VaultOptions & Required<Pick<VaultOptions, Defaulted>>

/** The `fetch` of the host at the time of the call. */
const hostFetch: typeof fetch = (input, init) => fetch(input, init)

/** The checks of the options that every vault has. */
export const vaultChecks: OptionChecks<VaultOptions> & { readonly [Name in Defaulted]: DefaultCheck } = Object.freeze({
  clock: withDefault(withMethod('now'), systemClock),
  fetch: withDefault(callback, hostFetch),
  readTimeoutMs: withDefault(milliseconds, 10_000),
  upstreamTimeoutMs: withDefault(milliseconds, 30_000),
  bodyTimeoutMs: withDefault(milliseconds, 60_000),
  redirects: withDefault(integerFrom(0), 5),
  onRevokeFailure: maybe(callback),
})

/** A secret as a program has it. */
export const secretValue: OptionCheck = (value) => {
  if (Secret.is(value) || (typeof value === 'string' && value !== '')) return undefined
  if (value instanceof Uint8Array && value.length > 0) return undefined
  const wrong = 'must be a secret: text or bytes that are not empty, or an object of named texts'
  if (objectValue(value) !== undefined || value instanceof Uint8Array) return wrong
  const fields = Object.values(value as object)
  return fields.length > 0 && fields.every((field) => typeof field === 'string') ? undefined : wrong
}

/** Reads each entry of a table by name, such as `credentials`. */
export function checkEntries<Entry>(
  of: string,
  entries: Readonly<Record<string, Entry>>,
  forms: OptionChecks<NoInfer<Entry>>,
): Readonly<Record<string, Entry>> {
  return mapEntries(entries, (entry, name) => readOptions(`${of}: credential ${quote(name)}`, entry, forms))
}

/** Makes another table of the same names. */
export function mapEntries<From, To>(
  entries: Readonly<Record<string, From>>,
  make: (entry: From, name: string) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, make(entry, name)]))
}

/** The options of these names, of some that were read together: where one object configures two things. */
export function pick<Part>(options: Part, forms: OptionChecks<Part>): Part {
  return Object.fromEntries(Object.entries(options as object).filter(([name]) => Object.hasOwn(forms, name))) as Part
}

/**
 * Reads a part of the options by a parser of its own, whose error does not say which option it was.
 *
 * @throws ArgumentError.
 */
export function parsed<T>(of: string, option: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof ProcuraError)) throw cause
    throw misconfigured(of, `\`${option}\`: ${cause.message}`)
  }
}

// SEC-10: `what` has no value of an option
function misconfigured(of: string, what: string): ArgumentError {
  return new ArgumentError(`${of}: ${what}`)
}
