/**
 * `procura/format`: what a further token format is made of. A format reads bytes into a chain; all rules about chains
 * stay where they are. Most services need no more of this than `standardFormat`, to list it beside another.
 *
 * @module
 */

// The format
export type { Chain, ChainLink, Link, OpenInvocation, SignedBytes } from '../authorization/chain.ts'
export { linkWeight } from '../authorization/chain.ts'
export { standardFormat } from '../authorization/formats/standard-format.ts'
export type { ReadingContext, ResourceArgument, TokenFormat } from '../authorization/formats/token-format.ts'
export type { PolicyPool } from '../authorization/machinery/policy-pool.ts'
export { runAsync, type Steps, wait } from '../authorization/machinery/steps.ts'
export { isPromiseLike } from '../support/promise.ts'
export type { CallOptions, VerificationSettings } from '../authorization/options.ts'
export { denialOf } from '../authorization/refusal.ts'
// What links say
export { commandCovers, isCommand } from '../capability/command.ts'
// Keys and signatures
export { publicKey } from '../did/did-key.ts'
export { keysOf } from '../did/resolver.ts'
export { checkTimestamp, chooseExpiration, type LifetimeOptions } from '../envelope/lifetime.ts'
export type { InvocationFields } from '../invocation/invocation.ts'
// Bytes
export { decodeBase64, decodeBase64url, encodeBase58btc, encodeBase64 } from '../ipld/base.ts'
export { bytesEqual } from '../ipld/bytes.ts'
export { cidOf, digestKey, isTokenCid, isTokenCidAt, parseCid, tokenKey } from '../ipld/cid.ts'
export { concatBytes } from '../ipld/bytes.ts'
export { decodeCbor } from '../ipld/decode.ts'
export { encodeCbor } from '../ipld/encode.ts'
export { ipldEquals, type StepBudget } from '../ipld/equal.ts'
export { isCid } from '../ipld/value.ts'
export type { DecodeLimits } from '../ipld/scanner.ts'
export type { TextCache } from '../ipld/text-cache.ts'
export { isList, isMap } from '../ipld/value.ts'
export { decodeVarint, encodeVarint } from '../ipld/varint.ts'
export { completeLimits, defaultLimits } from '../limits.ts'
export { checkedSignature } from '../principal/checked-signature.ts'
export { twinSignature, verifySignature } from '../principal/signature.ts'
export { isSelfChecking } from '../principal/signer.ts'
export type { BoundedMap } from '../support/bounded-map.ts'
