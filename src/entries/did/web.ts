/**
 * `procura/did/web`: the resolver of `did:web`.
 *
 * @module
 */

export {
  type FetchInit,
  type FetchLike,
  isPublicAddress,
  type VerificationRelationship,
  type WebResolverOptions,
  webResolver,
} from '../../did/did-web.ts'
