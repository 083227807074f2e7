/**
 * `procura/did/web`: the resolver of `did:web`.
 *
 * @module
 */

export { type FetchLike, isPublicAddress, webResolver } from '../../core/did/did-web.ts'
