import type { Authorization } from '../core/authorization/authorization.ts'
import type { Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'
import type { SecretKind } from './source.ts'

/** A released secret as records show it: everything except its value. */
export interface Release {
  /** The name of the credential. */
  readonly reference: string
  /** The kind of store it came from. */
  readonly adapter: string
  readonly kind: SecretKind
  /** The version of the secret, as the store names it. */
  readonly version: string
  /** Whether the secret was narrowed to the call: it carries less authority than the store could give. */
  readonly downscoped: boolean
  /** True when the store was unavailable, and a secret that was read earlier is used within its lifetime. */
  readonly stale: boolean
  /** Seconds since the secret was read from the store. */
  readonly ageSeconds: number
  /** The second from which the secret does not work; absent when it does not expire. */
  readonly expiresAt?: Timestamp
}

/**
 * Checks, just before a credential is released, whether the call is still authorized; usually by a query of the
 * revocation store. Any result but `true` stops the release with `ERR_VAULT_REVOKED`, and a rejection with
 * `ERR_VAULT_UNAVAILABLE`.
 */
export type Recheck = (
  authorization: Authorization,
  options: { readonly signal?: AbortSignal | undefined },
) => boolean | Promise<boolean>

/** Options of both methods of a {@link Vault}. */
export interface UseOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined
  /** Called after the secret was read and before it is used. Default: only the time is checked again. */
  readonly recheck?: Recheck
  /**
   * Called with each release before it happens. If it throws or rejects, nothing is released and the error is passed
   * on. So a record that is not confirmed stops the release.
   */
  readonly onRelease?: (release: Release) => void | Promise<void>
}

/** Options of {@link Vault.lease}. */
export interface LeaseOptions extends UseOptions {
  /** The evidence that the call is authorized. It is used up. */
  readonly authorization: Authorization
}

/** A request that the vault sends with a credential. It is copied when `use` is called. */
export interface UseRequest {
  /**
   * The name of the credential, from the configuration of the service and not from a request. With `acceptPresented` of
   * `sealedVault` it can be the text that a call presents.
   */
  readonly reference: string
  /** The evidence that the call is authorized. It is used up. */
  readonly authorization: Authorization
  /** Absolute URL of the upstream. */
  readonly url: string | URL
  /** Default `GET`. */
  readonly method?: string
  /** Headers whose names suggest that they carry authority or reroute a request are dropped, and `Accept-Encoding`. */
  readonly headers?: Readonly<Record<string, string>> | Headers
  /** A string is sent as UTF-8. */
  readonly body?: string | Uint8Array
  /**
   * `follow`, which is the default: redirects within the origin are followed, as far as the vault allows. `return`: a
   * redirect is the response, and the credential is sent once.
   */
  readonly redirect?: 'follow' | 'return'
}

/** A secret that a handler holds. Give it back with `revoke`, or write `await using lease = …`. */
export interface Lease extends Release {
  readonly secret: Secret
  /**
   * Gives the secret back: overwrites it here, and revokes it in the store where the store can do that. A second call
   * changes nothing. Rejects with `VaultError` when the store could not be reached; call it again then.
   */
  revoke(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Releases credentials for authorized calls. It takes the result of an authorization, never a token.
 *
 * Both methods reject with `AuthorizationError` when the authorization is not genuine, already used, or expired; with
 * the error of `onRelease`; with the reason of the signal when it fires; and with `VaultError` otherwise. An upstream
 * can have received the credential when `use` rejects after `onRelease`.
 */
export interface Vault {
  /** The names of its credentials, if they are known when the vault is made. `createGuard` then refuses other names. */
  readonly references?: readonly string[]
  /** Sends the request with the credential, and returns the response. The caller does not see the secret. */
  use(request: UseRequest, options?: UseOptions): Promise<Response>
  /** Returns the secret itself, for upstreams that are not reached over HTTP. Prefer {@link Vault.use}. */
  lease(reference: string, options: LeaseOptions): Promise<Lease>
}
