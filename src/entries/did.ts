/**
 * `procura/did`: parses DIDs and resolves them to keys.
 *
 * @module
 */

export { type Did, isDid, parseDid } from '../did/did.ts'
export { didKeyFrom, parseDidKey } from '../did/did-key.ts'
export { fromDidResolver } from '../did/from-did-resolver.ts'
export type { PublicKey, SignatureAlgorithm } from '../did/public-key.ts'
export { compositeResolver, type DidResolver, keyResolver, type ResolvedDid } from '../did/resolver.ts'
