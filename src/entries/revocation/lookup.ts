/**
 * `procura/revocation/lookup`: questions about revocations over HTTP, and their answers.
 *
 * @module
 */

export { type RemoteRevocations, remoteRevocations } from '../../revocation-sources/lookup/remote-revocations.ts'
export { type RevocationLookup, revocationLookup } from '../../revocation-sources/lookup/revocation-lookup.ts'
