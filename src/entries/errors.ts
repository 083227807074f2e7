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
  AuthorizationError,
  MalformedError,
  ProcuraError,
  type ProcuraErrorCode,
  ProofSearchError,
  ResolutionError,
  SigningError,
  StoreError,
  StoreFullError,
  TransportError,
  VaultError,
} from '../errors.ts'
