/**
 * `procura/did`: parses DIDs and resolves them to keys.
 *
 * @module
 */

export { type Did, isDid, parseDid } from '../core/did/did.ts'
export { didKeyFrom, parseDidKey } from '../core/did/did-key.ts'
export { fromDidResolver } from '../core/did/from-did-resolver.ts'
export type { PublicKey } from '../core/did/public-key.ts'
export { compositeResolver, type DidResolver, keyResolver, type ResolvedDid } from '../core/did/resolver.ts'
