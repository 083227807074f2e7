/**
 * `procura/token`: reading and drawing tokens and containers, and the other forms of a container.
 *
 * @module
 */

export { type ContainerContents, openContainer } from '../core/authorization/open-container.ts'
export { compressContainer, encodeContainer, encodeContainerBytes } from '../core/container/container.ts'
export { decodeDelegation } from '../core/delegation/decode-delegation.ts'
export type { Delegation } from '../core/delegation/delegation.ts'
export { decodeInvocation } from '../core/invocation/decode-invocation.ts'
export type { Invocation } from '../core/invocation/invocation.ts'
export { drawDelegations } from '../core/proof/draw-delegations.ts'
