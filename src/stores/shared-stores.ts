/**
 * The interfaces of stores that several processes share.
 *
 * @module
 */

import type { PersonalKeyStore } from '../audit/privacy/personal-key-store.ts'
import type { CallStore } from '../core/authorization/call-store.ts'
import type { LimitStore } from '../core/authorization/limits/limit-store.ts'
import type { ReplayStore } from '../core/authorization/replay-store.ts'
import type { ProcessedSets } from '../core/revocation/processed-sets.ts'
import type { RevocationJournal } from '../core/revocation/revocation-journal.ts'
import type { RevocationRegistry } from '../core/revocation/revocation-store.ts'

/** A replay store that several processes share. */
export interface SharedReplayStore extends ReplayStore {
  /**
   * Forgets calls that have expired, some at a time. SQLite does this by itself after some claims, and Redis always;
   * call it from a timer for PostgreSQL.
   */
  prune(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** A revocation store that several processes share, and that lists its revocations. */
export interface SharedRevocationStore extends RevocationRegistry, RevocationJournal {
  /** Forgets revocations that no longer apply, some at a time. */
  prune(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** A limit store that several processes share. */
export interface SharedLimitStore extends LimitStore {
  /** Forgets amounts that no longer count, some at a time. Reservations do this by themselves. */
  prune(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** The stores, under the names of the options of `createAuthorizer` and `createGuard`. */
export interface SharedStores {
  readonly replay: SharedReplayStore
  readonly revocations: SharedRevocationStore
  readonly limitStore: SharedLimitStore
}

/** The stores of a database, which answer all questions about a call in one request. */
export interface ServerStores extends SharedStores {
  readonly callStore: CallStore
}

/** A store for the keys of personal data that several processes share, and that outlives them. */
export interface SharedPersonalKeyStore extends PersonalKeyStore {
  /** Destroys a key finally: no key of that name is created again. Resolves when it is destroyed. */
  destroy(name: string): Promise<void>
}

/** A memory of processed Security Event Tokens that several processes share, and that outlives them. */
export interface SharedProcessedSets extends ProcessedSets {
  /**
   * Forgets tokens that are too old to be accepted, some at a time. In SQLite and Redis, additions do this by
   * themselves.
   */
  prune(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}
