import type { Command } from '../capability/command.ts'
import type { Clock, Timestamp } from '../time.ts'
import type { Secret } from './secret.ts'

/** A plain value of a {@link ProcessorDescription}: what JSON can hold, without null. */
export type PlainValue = string | number | boolean | readonly PlainValue[] | { readonly [name: string]: PlainValue }

/**
 * A processor as data: its type and parameters. Stores that bind a credential to its use (an encrypted file, a sealed
 * blob) keep this under their authentication, so that nobody can move a secret to another header or endpoint.
 */
export interface ProcessorDescription {
  /** Which processor, for example `bearer`. */
  readonly type: string
  readonly [parameter: string]: PlainValue
}

/** A request on its way out. Processors return a new one; the URL is within what the credential allows. */
export interface OutgoingRequest {
  /** Upper case. */
  readonly method: string
  /** Absolute, without user information and fragment. */
  readonly url: URL
  /** What the caller sent, without every header that could carry authority. */
  readonly headers: Headers
  /** The whole body; absent when there is none. */
  readonly body?: Uint8Array
}

/** The services of the host that a processor may use. */
export interface ProcessorContext {
  readonly clock: Clock
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
}

/** What {@link Processor.derive} is given. */
export interface DeriveContext extends ProcessorContext {
  /** The name of the credential, for messages. */
  readonly reference: string
  /** The command of the call, for narrowing what is derived. */
  readonly command: Command
  /**
   * Stores a successor of the kept secret (a rotated refresh token), which is the vault's from then on, and resolves
   * when it is stored. Until it could be stored, every later use fails. Absent where the vault cannot store.
   */
  readonly replace?: (secret: Secret) => Promise<void>
  /** Reads the kept secret again, past every cache. It belongs to the caller. */
  readonly reread: () => Promise<Secret>
}

/** A secret made from the kept one, which is sent in its place. */
export interface DerivedSecret {
  readonly secret: Secret
  /** The second from which on it does not work. */
  readonly expiresAt?: Timestamp
  /** Whether it carries less authority than the kept secret could give. */
  readonly downscoped: boolean
}

/** How a credential gets into a request. Make one with `bearer`, `header`, `basic`, `query`, `hmac`, `sigV4`, … */
export interface Processor {
  /** The processor as data. */
  readonly description: ProcessorDescription
  /** Names, in lower case, of the request headers it writes; a caller's own are removed first. */
  readonly headers: readonly string[]
  /** Names of the query parameters it writes; a caller's own are removed first. */
  readonly parameters: readonly string[]
  /** Origins that it calls itself, such as that of a token endpoint. */
  readonly origins?: readonly string[]
  /**
   * Returns the request with the credential in it. Throws {@link VaultError} `ERR_VAULT_INTEGRITY` when the secret
   * does not have the form that the processor needs.
   */
  apply(request: OutgoingRequest, secret: Secret, context: ProcessorContext): OutgoingRequest | Promise<OutgoingRequest>
  /**
   * For what may be kept between calls: text that is the same only where {@link Processor.derive} may give the same
   * secret.
   */
  scope?(command: Command): string
  /**
   * Makes the secret that is sent from the one that is kept. Rejects with {@link VaultError}: `ERR_VAULT_UNAVAILABLE`
   * when the issuer cannot be reached, `ERR_VAULT_REVOKED` when it refuses the kept secret.
   */
  derive?(kept: Secret, context: DeriveContext): Promise<DerivedSecret>
}
