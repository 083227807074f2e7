import type { Command } from '../core/capability/command.ts'
import type { Clock, Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'

/** A value of a {@link ProcessorDescription}: any JSON value except null. */
export type PlainValue = string | number | boolean | readonly PlainValue[] | { readonly [name: string]: PlainValue }

/**
 * A processor as data: its type and parameters. Stores that bind a secret to its rules (encrypted files, sealed texts)
 * authenticate this, so that nobody can move a secret to another header or endpoint.
 */
export interface ProcessorDescription {
  /** The type of processor, for example `bearer`. */
  readonly type: string
  readonly [parameter: string]: PlainValue
}

/** A request before it is sent. Its URL was checked against the rules. Processors return a new request. */
export interface OutgoingRequest {
  /** Upper case. */
  readonly method: string
  /** Absolute, without user information and without a fragment. */
  readonly url: URL
  /** Headers of the caller, without those that could carry authority. */
  readonly headers: Headers
  /** The whole body; absent when the request has no body. */
  readonly body?: Uint8Array
}

/** The services of the host that a processor may use. */
export interface ProcessorContext {
  readonly clock: Clock
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
}

/** The context of {@link Processor.derive}. */
export interface DeriveContext extends ProcessorContext {
  /** The name of the credential, for messages. */
  readonly reference: string
  /** The command of the call, by which the derived secret is narrowed. */
  readonly command: Command
  /**
   * Stores a successor of the kept secret, such as a rotated refresh token, and resolves when it is stored. The vault
   * owns it from then on. Until it is stored, every later use fails. Absent where the store cannot replace secrets.
   */
  readonly replace?: (secret: Secret) => Promise<void>
  /** Reads the kept secret from the store again, and not from a cache. The caller owns it. */
  readonly reread: () => Promise<Secret>
}

/** A secret that was derived from the kept secret, and is sent instead of it. */
export interface DerivedSecret {
  readonly secret: Secret
  /** The second from which it does not work. */
  readonly expiresAt?: Timestamp
  /** Whether it was narrowed: it carries less authority than the kept secret could give. */
  readonly downscoped: boolean
}

/** Puts a secret into requests. Make one with `bearer`, `header`, `basic`, `query`, `hmac`, `sigV4`, … */
export interface Processor {
  /** The processor as data. */
  readonly description: ProcessorDescription
  /** Names, in lower case, of the request headers that it writes. Those of the caller are removed before. */
  readonly headers: readonly string[]
  /** Names of the query parameters that it writes. Those of the caller are removed before. */
  readonly parameters: readonly string[]
  /** Origins that it sends requests to itself, such as the origin of a token endpoint. */
  readonly origins?: readonly string[]
  /**
   * Returns the request with the secret in it. Throws {@link VaultError} `ERR_VAULT_INTEGRITY` when the secret does not
   * have the form that the processor needs.
   */
  apply(request: OutgoingRequest, secret: Secret, context: ProcessorContext): OutgoingRequest | Promise<OutgoingRequest>
  /**
   * Returns a text for the cache of derived secrets: it is the same for two commands only if {@link Processor.derive}
   * may return the same secret for both.
   */
  scope?(command: Command): string
  /**
   * Derives the secret that is sent from the kept secret. Rejects with {@link VaultError}: `ERR_VAULT_UNAVAILABLE` when
   * the issuer cannot be reached, `ERR_VAULT_REVOKED` when it refuses the kept secret.
   */
  derive?(kept: Secret, context: DeriveContext): Promise<DerivedSecret>
}
