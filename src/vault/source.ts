import type { Authorization } from '../core/authorization/authorization.ts'
import type { Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'

/**
 * How a secret came about: it is stored (`static`), it is created for one use and revoked after it (`dynamic`), or it
 * is derived from another secret (`derived`).
 */
export type SecretKind = 'static' | 'dynamic' | 'derived'

/** A secret that was read, and its properties. */
export interface SecretReading {
  /** The reference that was read. It must be the requested one. */
  readonly reference: string
  /** The caller owns it and disposes of it. */
  readonly secret: Secret
  /** The version, as the store names it. */
  readonly version: string
  readonly kind: SecretKind
  /** The second from which it does not work; absent when it does not expire. */
  readonly expiresAt?: Timestamp
  /** Whether it was narrowed to the call: it carries less authority than the store could give. */
  readonly downscoped: boolean
  /** When it was read from the store; in the past when it comes from memory. */
  readonly readAt: Timestamp
  /** Set when the store was unavailable, and this reading is an earlier one within its lifetime. */
  readonly stale?: true
  /** Revokes it in the store, and resolves when that is done. Present when the store can do that. */
  readonly revoke?: (options: { readonly signal?: AbortSignal | undefined }) => Promise<void>
}

/** Options of {@link SecretSource.read}. */
export interface ReadOptions {
  /** The result of {@link SecretSource.scope} for the call; empty when the source has no scopes. */
  readonly scope: string
  /** Whether to read the store itself and nothing that is kept in memory. Default false. */
  readonly fresh?: boolean
  /** The result of {@link SecretSource.prepare}. Default: `read` prepares the reading itself. */
  readonly prepared?: unknown
  readonly signal?: AbortSignal | undefined
}

/**
 * A store of secrets, or a service that creates them. Implement it for a product that this library does not cover, and
 * pass it to `createVault`.
 *
 * A source does not decide which call may have a secret. It sees one text of the call, which {@link SecretSource.scope}
 * returns. A secret that is kept under reference and scope therefore cannot carry the authority of one call into
 * another.
 */
export interface SecretSource {
  /** The kind of store, for records: `memory`, `openbao`, … */
  readonly name: string
  /**
   * Reads the current secret under a reference.
   *
   * - Resolves a reading whose secret belongs to the caller.
   * - Resolves `undefined` when the store certainly has no secret.
   * - Rejects with `VaultError` otherwise: `ERR_VAULT_UNAVAILABLE` if a later attempt could succeed. `resilient` counts
   *   that as a failure of the store. An error of another class is a failure of this secret: it is tried again, and
   *   no kept copy is used after it, because it can be a refusal.
   */
  read(reference: string, options: ReadOptions): Promise<SecretReading | undefined>
  /**
   * Obtains the part of a reading that does not come from the store, such as the token of the subject, and resolves it
   * for `prepared` of the reading. `resilient` calls it first, for at most `attemptTimeoutMs`: its failure does not
   * count for the store, and while it waits it takes no place of another reading. Default: nothing is prepared.
   */
  prepare?(reference: string, options: Pick<ReadOptions, 'scope' | 'signal'>): Promise<unknown>
  /**
   * Whether each reading creates a secret for one call, which is then neither shared nor kept. It must be true where
   * readings have `revoke`. Default false.
   */
  perCall?(reference: string): boolean
  /**
   * Returns as text how the secret is narrowed for a call, such as a session policy or an OAuth scope. Throws
   * `VaultError` `ERR_VAULT_DOWNSCOPE` when the store cannot express the call without granting more.
   */
  scope?(reference: string, authorization: Authorization): string
  /**
   * Stores a successor if `expectedVersion` is still the current version. Resolves the version of the successor when it
   * is stored durably. Rejects otherwise, with `ERR_VAULT_INTEGRITY` if another successor was stored first.
   */
  replace?(
    reference: string,
    successor: { readonly secret: Secret; readonly expectedVersion: string; readonly signal?: AbortSignal | undefined },
  ): Promise<string>
  /**
   * Returns how often an operator dropped the kept secrets of a reference. A vault does not use a token again that it
   * made from a secret before. Default: never, so such a token is used until it expires.
   */
  forgotten?(reference: string): number
  /**
   * Runs a task while no other user of the store runs one for this reference. It is needed where a secret is replaced
   * in several steps, as a refresh token is.
   */
  exclusively?<T>(reference: string, task: () => Promise<T>): Promise<T>
}
