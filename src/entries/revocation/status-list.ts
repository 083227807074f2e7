/**
 * `procura/revocation/status-list`: Token Status Lists (draft-ietf-oauth-status-list-21), with the package `jose`.
 *
 * @module
 */

export type { JoseSigner, JoseVerifier, UnsignedJwt, VerifiedJwt } from '../../distribution/jose.ts'
export type { StatusBits } from '../../distribution/status-list/status-bits.ts'
export { type StatusListSourceOptions, statusListSource } from '../../distribution/status-list/status-list-source.ts'
export { type StatusListTokenOptions, statusListToken } from '../../distribution/status-list/status-list-token.ts'
