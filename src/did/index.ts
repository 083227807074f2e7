/**
 * `procura/did`: from DIDs to keys.
 *
 * @module
 */

export { type Did, isDid, parseDid } from './did.ts'
export type { VerificationRelationship } from './did-document.ts'
export { didKeyFrom, parseDidKey } from './did-key.ts'
export {
  type FromDidResolverOptions,
  fromDidResolver,
  type ParsedDidLike,
  type ResolutionResultLike,
  type ResolvableLike,
  type ResolverRegistryLike,
} from './from-did-resolver.ts'
export type { PublicKey, SignatureAlgorithm } from './public-key.ts'
export { compositeResolver, type DidResolver, keyResolver, type ResolvedDid } from './resolver.ts'
