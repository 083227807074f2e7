/**
 * `procura/did/web`: the resolver of `did:web`.
 *
 * @module
 */

export { type FetchLike, isPublicAddress, webResolver } from '../../did/did-web.ts'
