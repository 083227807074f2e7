import { type OptionChecks, objectValue, readOptions, withDefault, withMethod } from '../../support/options.ts'
import type { BreakerState } from '../circuit-breaker.ts'
import {
  type HostOptions,
  pick,
  readCredentials,
  type VaultOptions,
  type VaultSettings,
  vaultChecks,
} from '../configuration.ts'
import { createVault } from '../create-vault.ts'
import type { CredentialOptions } from '../rules/credential-rules.ts'
import type { SecretSource } from '../source.ts'
import type { Vault } from '../vault.ts'
import { type ResilienceOptions, resilienceChecks, resilient } from './resilient.ts'

/** A vault over a server that can be slow or unavailable. */
export interface RemoteVault extends Vault {
  /** State of the circuit breaker, for a health page: `closed` is healthy. */
  state(): BreakerState
  /**
   * Drops the kept secrets of a credential, and the tokens that were made from them. Call it when the credential was
   * revoked or rotated elsewhere.
   */
  forget(reference: string): void
}

/** The options of a vault over a service: how to reach the service, and for each credential where its secret is. */
export type RemoteVaultOptions<Service, Place> = VaultOptions &
  Service & {
    readonly credentials: Readonly<Record<string, Place & CredentialOptions>>
    readonly resilience?: ResilienceOptions
  }

/** A kind of service over which vaults are made. */
export interface RemoteService<Service, Place> {
  /** The function that makes the vault, for messages. */
  readonly of: string
  readonly serviceChecks: OptionChecks<Service>
  readonly placeChecks: (place: Place) => OptionChecks<Place>
  readonly source: (service: Service & Required<HostOptions>, places: Readonly<Record<string, Place>>) => SecretSource
}

/**
 * Makes a vault over a service. Its source has retries, a circuit breaker, time limits and shared readings.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function remoteVault<Service, Place>(
  options: RemoteVaultOptions<Service, Place>,
  { of, serviceChecks, placeChecks, source: sourceOf }: RemoteService<Service, Place>,
): RemoteVault {
  const checks = {
    ...vaultChecks,
    ...serviceChecks,
    credentials: objectValue,
    resilience: withDefault(objectValue, {}),
  }
  const given = readOptions<object>(of, options, checks) as VaultSettings & RemoteVaultOptions<Service, Place>
  const { clock, fetch, resilience } = given
  const { places, rules } = readCredentials<Place>(of, given.credentials, placeChecks)
  const service = { ...pick<Service>(given, serviceChecks), clock, fetch }
  // A spread would leave out inherited options, and with them the misspelt ones.
  const settings = readOptions(`${of}: \`resilience\``, resilience as ResilienceOptions, {
    ...resilienceChecks,
    clock: withDefault(withMethod('now'), clock),
  })
  const source = resilient(sourceOf(service, places), settings)
  const vault = createVault({ ...pick<VaultOptions>(given, vaultChecks), source, credentials: rules })
  return Object.freeze({ ...vault, state: source.state, forget: source.forget })
}
