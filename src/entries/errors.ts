/**
 * `procura/errors`: the errors that this library throws. Compare `code`; the message is for people.
 *
 * @module
 */

export {
  type AnyProcuraError,
  ArgumentError,
  AttenuationError,
  AuditError,
  type AuditErrorCode,
  AuthorizationError,
  MalformedError,
  type MalformedKind,
  ProcuraError,
  type ProcuraErrorCode,
  ProofSearchError,
  ResolutionError,
  SigningError,
  StoreError,
  StoreFullError,
  ThreadError,
  TransportError,
  type TransportFault,
  VaultError,
  type VaultErrorCode,
} from '../errors.ts'
