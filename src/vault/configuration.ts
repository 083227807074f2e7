/**
 * The options that vaults and sources have in common: their checks, and the table of credentials.
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
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type Clock, systemClock } from '../time.ts'
import { type CredentialOptions, ruleChecks } from './rules/credential-rules.ts'
import type { Release } from './vault.ts'

/** Options that every vault has. */
export interface VaultOptions {
  /** Default: the clock of the platform. */
  readonly clock?: Clock
  /** Default: the `fetch` of the platform. */
  readonly fetch?: typeof fetch
  /** Milliseconds within which a secret must be read, revoked or derived. Default 10,000. */
  readonly readTimeoutMs?: number
  /** Milliseconds within which the response of an upstream must begin. Default 30,000. */
  readonly upstreamTimeoutMs?: number
  /**
   * Milliseconds after which the body of a response is broken off if nobody reads from it. A secret that was created
   * for the call is then revoked. Waiting for an upstream that sends nothing counts as reading. Default 60,000.
   */
  readonly bodyTimeoutMs?: number
  /** The number of redirects within its origin that are followed. Default 5. */
  readonly redirects?: number
  /**
   * Called when a secret could not be revoked in its store after `Vault.use`. The secret expires with its lease; an
   * operator can revoke it earlier. Errors of the callback are ignored. Default: the failure is not reported.
   */
  readonly onRevokeFailure?: (release: Release, error: unknown) => void
}

type Defaulted = Exclude<keyof VaultOptions, 'onRevokeFailure'>

/** The options that every vault has, with their defaults. */
export type VaultSettings = VaultOptions & Required<Pick<VaultOptions, Defaulted>>

/** Calls the `fetch` that the platform has at the time of the call. */
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

/** The options that every source has. */
export type HostOptions = Pick<VaultOptions, 'clock' | 'fetch'>

/** The checks of {@link HostOptions}. */
export const hostChecks: Pick<typeof vaultChecks, 'clock' | 'fetch'> = Object.freeze({
  clock: vaultChecks.clock,
  fetch: vaultChecks.fetch,
})

/** The options of a credential, taken apart: where its secret is, and the rules of its use. */
export interface CredentialTables<Place> {
  readonly places: Readonly<Record<string, Place>>
  readonly rules: Readonly<Record<string, CredentialOptions>>
}

/**
 * Reads the table of credentials of a vault.
 *
 * @param of - the function that takes the table, for messages.
 * @param checksOf - the options beside the rules; they can depend on the credential.
 * @throws ArgumentError.
 */
export function readCredentials<Place>(
  of: string,
  credentials: Readonly<Record<string, Place & CredentialOptions>>,
  checksOf: (credential: Place) => OptionChecks<Place>,
): CredentialTables<Place> {
  const read = Object.entries(credentials).map(([name, credential]) => {
    const placeChecks = checksOf(credential)
    const checks = { ...ruleChecks, ...placeChecks } as OptionChecks<Place & CredentialOptions>
    const options = readOptions(`${of}: credential ${quote(name)}`, credential, checks)
    return { name, place: pick<Place>(options, placeChecks), rules: pick<CredentialOptions>(options, ruleChecks) }
  })
  return {
    places: Object.fromEntries(read.map(({ name, place }) => [name, place])),
    rules: Object.fromEntries(read.map(({ name, rules }) => [name, rules])),
  }
}

/** Reads the table of a source, such as `secrets`, into a map. */
export function readPlaces<Place, Value>(
  of: string,
  places: Readonly<Record<string, Place>>,
  read: (place: Place, of: string) => Value,
): ReadonlyMap<string, Value> {
  return new Map(Object.entries(places).map(([name, place]) => [name, read(place, `${of}: credential ${quote(name)}`)]))
}

/** Returns the options that `checks` names. One object can configure two things, such as a source and its vault. */
export function pick<Part>(options: Part, checks: OptionChecks<Part>): Part {
  return Object.fromEntries(Object.entries(options as object).filter(([name]) => Object.hasOwn(checks, name))) as Part
}

/**
 * Reads an option by a parser whose error does not name the option.
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

// SEC-10: `what` contains no value of an option.
function misconfigured(of: string, what: string): ArgumentError {
  return new ArgumentError(`${of}: ${what}`)
}
