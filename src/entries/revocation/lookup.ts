/**
 * `procura/revocation/lookup`: questions about revocations over HTTP, and their answers.
 *
 * @module
 */

export {
  type RemoteRevocations,
  type RemoteRevocationsOptions,
  remoteRevocations,
} from '../../distribution/lookup/remote-revocations.ts'
export {
  type RevocationLookup,
  type RevocationLookupOptions,
  revocationLookup,
} from '../../distribution/lookup/revocation-lookup.ts'
