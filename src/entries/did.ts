/**
 * `procura/did`: from DIDs to keys.
 *
 * @module
 */

export { type Did, isDid, parseDid } from '../did/did.ts'
export type { VerificationRelationship } from '../did/did-document.ts'
export { didKeyFrom, parseDidKey } from '../did/did-key.ts'
export {
  type FromDidResolverOptions,
  fromDidResolver,
  type ParsedDidLike,
  type ResolutionResultLike,
  type ResolvableLike,
  type ResolverRegistryLike,
} from '../did/from-did-resolver.ts'
export type { PublicKey, SignatureAlgorithm } from '../did/public-key.ts'
export { compositeResolver, type DidResolver, keyResolver, type ResolvedDid } from '../did/resolver.ts'
