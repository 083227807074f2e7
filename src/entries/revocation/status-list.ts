/**
 * `procura/revocation/status-list`: Token Status Lists (draft-ietf-oauth-status-list-21), with the package `jose`.
 *
 * @module
 */

export { statusListSource } from '../../revocation-sources/status-list/status-list-source.ts'
export { statusListToken } from '../../revocation-sources/status-list/status-list-token.ts'
