/**
 * The data that the steps of a release share: the credential that was found, and the parts of the vault.
 *
 * @module
 */

import { createMutex, type Mutex } from '../../support/mutex.ts'
import type { Clock } from '../../time.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'
import type { Secret } from '../secret.ts'
import type { SecretSource } from '../source.ts'
import { createTokenCache, type TokenCache } from './token-cache.ts'

/** A credential that was found by its name: the rules of its use, and the source of its secret. */
export interface FoundCredential {
  /** The name under which the source keeps it, and under which its release is recorded. */
  readonly reference: string
  readonly rules: CredentialRules
  readonly source: SecretSource
}

/** Looks up a credential by its name; undefined when the vault has no such credential. It may read the store. */
export type FindCredential = (
  reference: string,
  signal: AbortSignal,
) => FoundCredential | undefined | Promise<FoundCredential | undefined>

/** A successor of a kept secret that is not stored yet. Its predecessor does not work any more. */
export interface PendingSuccessor {
  readonly secret: Secret
  /** The version of the predecessor. */
  readonly expectedVersion: string
}

/** The parts of a vault that the steps of a release use. */
export interface VaultContext {
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** Milliseconds in which a secret must be read, and one derived. */
  readonly readTimeoutMs: number
  /** Derived secrets that can be used again. */
  readonly tokens: TokenCache
  /** Successors that could not be stored, by the name of the credential. */
  readonly pending: Map<string, PendingSuccessor>
  /** The turns of this process, by the name of the credential, where the store has no lock. */
  readonly mutexes: Map<string, Mutex>
}

/** Makes the parts of a vault. */
export function createContext(settings: Pick<VaultContext, 'clock' | 'fetch' | 'readTimeoutMs'>): VaultContext {
  const { clock, fetch, readTimeoutMs } = settings
  return { clock, fetch, readTimeoutMs, tokens: createTokenCache(1_000), pending: new Map(), mutexes: new Map() }
}

/**
 * Runs a task while nobody else replaces the secret: under the lock of the store, or in the turns of this process where
 * the store has no lock. A store that cannot replace secrets needs neither.
 */
export function inTurn<T>(
  { reference, source }: FoundCredential,
  { mutexes }: VaultContext,
  task: () => Promise<T>,
): Promise<T> {
  if (source.exclusively !== undefined) return source.exclusively(reference, task)
  if (source.replace === undefined) return task()
  const mutex = mutexes.get(reference) ?? createMutex()
  mutexes.set(reference, mutex)
  return mutex(task)
}
