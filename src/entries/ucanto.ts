/**
 * `procura/ucanto`: tokens of UCAN 0.9.1, as the ucanto libraries write them, under the rules of this library.
 * To write them, install `@ucanto/core`.
 *
 * @module
 */

// New tokens
export { attenuate } from '../ucanto/attenuate.ts'
export { attest } from '../ucanto/attest.ts'
export { delegate } from '../ucanto/delegate.ts'
export { invoke } from '../ucanto/invoke.ts'
export { absentIssuer } from '../ucanto/new-token.ts'
export type { AbsentIssuer } from '../ucanto/principal.ts'
export type { UcantoToken } from '../ucanto/token.ts'

// Archives and messages
export { archive, archiveToText, encodeMessage } from '../ucanto/archive.ts'
export { decode, decodeMessage, type UcantoMessage } from '../ucanto/decode.ts'

// Clients
export { execute } from '../ucanto/execute.ts'
export type { UcantoReceipt } from '../ucanto/receipt.ts'

// Services
export { ucantoFormat } from '../ucanto/ucanto-format.ts'
export { type UcantoService, ucantoService } from '../ucanto/ucanto-service.ts'
export { type UcantoRevocationVerdict, verifyRevocation } from '../ucanto/verify-revocation.ts'
