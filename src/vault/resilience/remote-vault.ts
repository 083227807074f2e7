import type { BreakerState } from '../../support/circuit-breaker.ts'
import { type CreateVaultOptions, createVault } from '../create-vault.ts'
import type { Vault } from '../vault.ts'
import { type ResilienceOptions, resilient } from './resilient.ts'

/** A vault over a server that can be slow or unavailable. */
export interface RemoteVault extends Vault {
  /** State of the circuit breaker, for a health page: `closed` is healthy. */
  state(): BreakerState
  /** Drops the kept secrets of a credential. Call it when the credential was revoked or rotated elsewhere. */
  forget(reference: string): void
}

/** Makes a vault whose source has retries, a circuit breaker, time limits and shared readings. */
export function remoteVault(options: CreateVaultOptions & { readonly resilience?: ResilienceOptions }): RemoteVault {
  const { resilience, ...settings } = options
  const { clock } = settings
  const source = resilient(settings.source, { ...(clock && { clock }), ...resilience })
  return Object.freeze({ ...createVault({ ...settings, source }), state: source.state, forget: source.forget })
}
