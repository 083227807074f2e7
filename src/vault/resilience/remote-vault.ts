import type { BreakerState } from '../../support/circuit-breaker.ts'
import { type CreateVaultOptions, createVault } from '../create-vault.ts'
import type { Vault } from '../vault.ts'
import { type ResilienceOptions, resilient } from './resilient.ts'

/** A vault over a server that can be slow or away. */
export interface RemoteVault extends Vault {
  /** What the circuit breaker is doing, for a health page: `closed` is well. */
  state(): BreakerState
  /** Forgets what is kept of a credential: call it when it was revoked or rotated elsewhere. */
  forget(reference: string): void
}

/** Makes a vault with retries, a circuit breaker, time limits and a shared flight before its source. */
export function remoteVault(options: CreateVaultOptions & { readonly resilience?: ResilienceOptions }): RemoteVault {
  const { resilience, ...settings } = options
  const { clock } = settings
  const source = resilient(settings.source, { ...(clock && { clock }), ...resilience })
  return Object.freeze({ ...createVault({ ...settings, source }), state: source.state, forget: source.forget })
}
