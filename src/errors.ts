/**
 * The errors of this library: invalid arguments, bytes that a decoder cannot read, and failed dependencies. A decision
 * about a call is never thrown; it is a `Denial`.
 *
 * @module
 */

/** Why a decoder refused: malformed input, an unsupported form, or a limit that is exceeded. */
export type MalformedKind = 'malformed' | 'unsupported' | 'too_large'

/** Codes of {@link VaultError}. */
export type VaultErrorCode =
  | 'ERR_VAULT_CONFIGURATION'
  | 'ERR_VAULT_UNKNOWN_REFERENCE'
  | 'ERR_VAULT_ORIGIN_REFUSED'
  | 'ERR_VAULT_UNAVAILABLE'
  | 'ERR_VAULT_INTEGRITY'
  | 'ERR_VAULT_EXPIRED'
  | 'ERR_VAULT_REVOKED'
  | 'ERR_VAULT_DOWNSCOPE'
  | 'ERR_VAULT_UPSTREAM'

/** Codes of {@link AuditError}. */
export type AuditErrorCode =
  | 'ERR_AUDIT_CONFIGURATION'
  | 'ERR_AUDIT_UNCONFIRMED'
  | 'ERR_AUDIT_DEADLINE'
  | 'ERR_AUDIT_SHORT_WRITE'
  | 'ERR_AUDIT_INTEGRITY'
  | 'ERR_AUDIT_CLOSED'
  | 'ERR_AUDIT_SETTLED'
  | 'ERR_AUDIT_ERASED'

/** Every code of the errors of this library. */
export type ProcuraErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_MALFORMED'
  | 'ERR_ATTENUATION'
  | 'ERR_SIGNING'
  | 'ERR_RESOLUTION'
  | 'ERR_AUTHORIZATION'
  | 'ERR_STORE'
  | 'ERR_STORE_FULL'
  | 'ERR_PROOF_SEARCH'
  | 'ERR_TRANSPORT'
  | VaultErrorCode
  | AuditErrorCode

/**
 * The base class of all errors. Compare `code`, which is stable; `message` is for people and may change. No message
 * contains a key, a secret or a whole token.
 */
export abstract class ProcuraError extends Error {
  /** Stable identifier of the kind of error. */
  abstract readonly code: ProcuraErrorCode

  /** @param message - lower case, no full stop, user input in backticks and cut. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** An argument is invalid. This indicates a bug in the calling program, not a bad token. */
export class ArgumentError extends ProcuraError {
  readonly code = 'ERR_INVALID_ARGUMENT'
}

/** Bytes or a string are not a valid token, DID, command or policy as the specification defines it. */
export class MalformedError extends ProcuraError {
  readonly code = 'ERR_MALFORMED'
  /** The requirement in `spec/` that the input violates: three capitals and two digits. */
  readonly requirement: string
  /** Whether the input is wrong, not supported here, or too large. */
  readonly kind: MalformedKind

  /** @param requirement - id in `spec/`. */
  constructor(requirement: string, message: string, options?: ErrorOptions & { readonly kind?: MalformedKind }) {
    super(message, options)
    this.requirement = requirement
    this.kind = options?.kind ?? 'malformed'
  }
}

/** A requested delegation would be broader than its proofs. */
export class AttenuationError extends ProcuraError {
  readonly code = 'ERR_ATTENUATION'
}

/** A signer failed, or its signature is not valid for its own key. */
export class SigningError extends ProcuraError {
  readonly code = 'ERR_SIGNING'
}

/** A DID could not be resolved to a key. */
export class ResolutionError extends ProcuraError {
  readonly code = 'ERR_RESOLUTION'
}

/** An authorization is not genuine, was already used, or has expired. */
export class AuthorizationError extends ProcuraError {
  readonly code = 'ERR_AUTHORIZATION'
}

/** A replay, revocation or proof store failed. */
export class StoreError extends ProcuraError {
  readonly code: 'ERR_STORE' | 'ERR_STORE_FULL' = 'ERR_STORE'
}

/** A store is full, and refuses a new entry instead of removing one that still applies. */
export class StoreFullError extends StoreError {
  override readonly code = 'ERR_STORE_FULL'
}

/** No chain of delegations was found within the bounds of the search. */
export class ProofSearchError extends ProcuraError {
  readonly code = 'ERR_PROOF_SEARCH'
}

/** Why a connection of MCP failed. */
export type TransportFault =
  | 'too_large'
  | 'not_json'
  | 'ended'
  | 'unanswered'
  | 'unreachable'
  | 'refused'
  | 'session_ended'

/** A connection to an MCP client or server failed, or the other side sent what cannot be read. */
export class TransportError extends ProcuraError {
  readonly code = 'ERR_TRANSPORT'
  readonly fault: TransportFault

  /** @param fault - the kind of failure. */
  constructor(fault: TransportFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

/** A vault is configured incorrectly, refused a use, or could not be reached. */
export class VaultError extends ProcuraError {
  readonly code: VaultErrorCode

  /** @param code - the kind of failure. */
  constructor(code: VaultErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** An audit sink is configured incorrectly, did not confirm a record, or has a modified log. */
export class AuditError extends ProcuraError {
  readonly code: AuditErrorCode

  /** @param code - the kind of failure. */
  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Every error that this library throws, for `switch (error.code)`: each code leads to its class.
 *
 * ```ts
 * if (!(error instanceof ProcuraError)) throw error
 * const known = error as AnyProcuraError
 * switch (known.code) {
 *   case 'ERR_MALFORMED':
 *     return known.requirement
 *   // …
 * }
 * ```
 */
export type AnyProcuraError =
  | ArgumentError
  | MalformedError
  | AttenuationError
  | SigningError
  | ResolutionError
  | AuthorizationError
  | StoreError
  | StoreFullError
  | ProofSearchError
  | TransportError
  | VaultError
  | AuditError
