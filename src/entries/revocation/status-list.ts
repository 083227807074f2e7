/**
 * `procura/revocation/status-list`: Token Status Lists (draft-ietf-oauth-status-list-21), with the package `jose`.
 *
 * @module
 */

export type { JoseSigner, JoseVerifier, UnsignedJwt, VerifiedJwt } from '../../revocation-sources/jose.ts'
export type { StatusBits } from '../../revocation-sources/status-list/status-bits.ts'
export {
  type StatusListSourceOptions,
  statusListSource,
} from '../../revocation-sources/status-list/status-list-source.ts'
export { type StatusListTokenOptions, statusListToken } from '../../revocation-sources/status-list/status-list-token.ts'
