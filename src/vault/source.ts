import type { Authorization } from '../authorization/authorization.ts'
import type { Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'

/**
 * Where a secret comes from: kept as it is (`static`), made for one use and taken back after it (`dynamic`), or made
 * from another secret (`derived`).
 */
export type SecretKind = 'static' | 'dynamic' | 'derived'

/** One reading of a secret, and what is known about it. */
export interface SecretReading {
  /** The reference that was read; must be the one asked for. */
  readonly reference: string
  /** The reader owns it and disposes of it. */
  readonly secret: Secret
  /** Which version it is, as the store names it. */
  readonly version: string
  readonly kind: SecretKind
  /** The second from which on it does not work; absent when it does not expire. */
  readonly expiresAt?: Timestamp
  /** Whether it carries less authority than the store could give, in line with the capability of the call. */
  readonly downscoped: boolean
  /** When the store gave it; earlier than now when it comes from memory. */
  readonly readAt: Timestamp
  /** Set when the store did not answer and this is what it said before, within the lease. */
  readonly stale?: true
  /** Ends it at its origin. Present when the origin can do that; resolves when it has. */
  readonly revoke?: (options: { readonly signal?: AbortSignal | undefined }) => Promise<void>
}

/** How a secret is read. */
export interface ReadOptions {
  /** What {@link SecretSource.scope} said for the call; empty when the source has no scopes. */
  readonly scope: string
  /** Whether to ask the store itself, past everything that is kept in memory. Default false. */
  readonly fresh?: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Where secrets are kept. Implement it for a product that is not covered and give it to `createVault`.
 *
 * A source does not decide who may have a secret, and does not see the call, but for the one text that
 * {@link SecretSource.scope} makes of it. So whatever is kept between calls under reference and scope cannot carry the
 * authority of one call into another.
 */
export interface SecretSource {
  /** The kind of store, for records: `memory`, `openbao`, … */
  readonly name: string
  /**
   * Reads the present secret under a reference.
   *
   * - Resolves a reading whose secret belongs to the caller.
   * - Resolves `undefined` when it is certain that there is none.
   * - Rejects with `VaultError` when that cannot be said: `ERR_VAULT_UNAVAILABLE` if a later try could succeed.
   */
  read(reference: string, options: ReadOptions): Promise<SecretReading | undefined>
  /**
   * Whether each reading of a reference makes a secret for one call alone, so that it is neither shared nor kept. Must
   * be true where readings have `revoke`. Default false.
   */
  perCall?(reference: string): boolean
  /**
   * Says in text how the secret is narrowed for a call: a session policy, an OAuth scope. Throws `VaultError`
   * `ERR_VAULT_DOWNSCOPE` when the store cannot express the capability without giving more.
   */
  scope?(reference: string, authorization: Authorization): string
  /**
   * Stores a successor, if `expectedVersion` is still the present one. Resolves the version of the successor when it is
   * stored durably; rejects when it is not, with `ERR_VAULT_INTEGRITY` if somebody else was first.
   */
  replace?(
    reference: string,
    successor: { readonly secret: Secret; readonly expectedVersion: string; readonly signal?: AbortSignal | undefined },
  ): Promise<string>
  /**
   * Runs a task while nobody else who uses the same store runs one for this reference. Needed where a secret is
   * replaced in several steps, as a refresh token is.
   */
  exclusively?<T>(reference: string, task: () => Promise<T>): Promise<T>
}
