import type { Authorization } from '../authorization/authorization.ts'
import type { Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'
import type { SecretKind } from './source.ts'

/** What was released, without the secret: for records. */
export interface Release {
  /** The name of the credential. */
  readonly reference: string
  /** The kind of store it came from. */
  readonly adapter: string
  readonly kind: SecretKind
  /** Which version of the secret, as the store names it. */
  readonly version: string
  /** Whether the secret carries less authority than the store could give, in line with the capability of the call. */
  readonly downscoped: boolean
  /** True when the store did not answer, and a secret that was read before is used within its lease. */
  readonly stale: boolean
  /** Seconds since the store gave the secret. */
  readonly ageSeconds: number
  /** The second from which on the secret does not work; absent when it does not expire. */
  readonly expiresAt?: Timestamp
}

/**
 * Asks again, just before a credential is released, whether the call still stands: most often a look into the
 * revocation store. Anything but `true` stops the release with `ERR_VAULT_REVOKED`; a rejection stops it with
 * `ERR_VAULT_UNAVAILABLE`.
 */
export type Recheck = (
  authorization: Authorization,
  options: { readonly signal?: AbortSignal | undefined },
) => boolean | Promise<boolean>

/** Options of both verbs of a {@link Vault}. */
export interface UseOptions {
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined
  /** Asked after the secret was read and before it is used. None by default: time is checked again in any case. */
  readonly recheck?: Recheck
  /**
   * Told what is about to be released, before it is. If it throws or rejects, nothing is released and the error is
   * passed on, so that a record which is not confirmed stops the release.
   */
  readonly onRelease?: (release: Release) => void | Promise<void>
}

/** Options of {@link Vault.lease}. */
export interface LeaseOptions extends UseOptions {
  /** The evidence that the call is permitted. It is used up. */
  readonly authorization: Authorization
}

/** An upstream call that the vault makes with a credential. Everything is copied when `use` is called. */
export interface UseRequest {
  /** The name of the credential: from the configuration of the service, never from the text of a request. */
  readonly reference: string
  /** The evidence that the call is permitted. It is used up. */
  readonly authorization: Authorization
  /** Absolute URL of the upstream. */
  readonly url: string | URL
  /** Default `GET`. */
  readonly method?: string
  /** Headers that carry authority, or that reroute a request, are dropped. */
  readonly headers?: Readonly<Record<string, string>> | Headers
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array
}

/** A secret in the hands of a handler. Give it back with `revoke`, or write `await using lease = …`. */
export interface Lease extends Release {
  readonly secret: Secret
  /**
   * Gives the secret back: overwrites it here and ends it at its origin where the origin can do that. Doing it twice
   * changes nothing. Rejects with `VaultError` when the origin could not be told; call it again then.
   */
  revoke(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Releases credentials for calls that are permitted. It takes the evidence of a permission, never a token.
 *
 * Both verbs reject with `AuthorizationError` when the evidence is none, was used, or has expired; with what
 * `onRelease` threw; with the reason of the signal when it fired; and with `VaultError` otherwise. A vault that cannot
 * answer never releases.
 */
export interface Vault {
  /** The names of its credentials, where they are known when it is made: so that a wrong name is found then. */
  readonly references?: readonly string[]
  /** Makes the upstream call with the credential in it and returns the response. Nobody sees the secret. */
  use(request: UseRequest, options?: UseOptions): Promise<Response>
  /** Hands the secret out, for upstreams that are not reached over HTTP. Prefer {@link Vault.use}. */
  lease(reference: string, options: LeaseOptions): Promise<Lease>
}
