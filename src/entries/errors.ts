/**
 * `procura/errors`: the errors that this library throws. Switch on `code`; the text is for people.
 *
 * @module
 */

export {
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
  VaultError,
  type VaultErrorCode,
} from '../errors.ts'
