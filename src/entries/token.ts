/**
 * `procura/token`: reading tokens and containers, and the other forms of a container.
 *
 * @module
 */

export { type ContainerContents, type OpenContainerOptions, openContainer } from '../authorization/open-container.ts'
export { compressContainer, encodeContainer, encodeContainerBytes, type TokenLike } from '../container/container.ts'
export { decodeDelegation } from '../delegation/decode-delegation.ts'
export type { Delegation } from '../delegation/delegation.ts'
export type { DecodeOptions } from '../envelope/open.ts'
export type { TokenVersion } from '../envelope/payload-tag.ts'
export { decodeInvocation } from '../invocation/decode-invocation.ts'
export type { Invocation } from '../invocation/invocation.ts'
