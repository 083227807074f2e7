/**
 * `procura/ucanto`: tokens of UCAN 0.9.1, as the ucanto libraries write them, under the rules of this library.
 *
 * @module
 */

export { type AbsentIssuer, absentIssuer } from '../ucanto/new-token.ts'
export { archive, archiveToText, encodeMessage } from '../ucanto/archive.ts'
export { attenuate, type UcantoAttenuateOptions } from '../ucanto/attenuate.ts'
export { attest, type UcantoAttestOptions } from '../ucanto/attest.ts'
export type { Readers } from '../ucanto/caveats.ts'
export { type DecodeArchiveOptions, decode } from '../ucanto/decode.ts'
export { type DecodeMessageOptions, decodeMessage, type UcantoMessage } from '../ucanto/decode.ts'
export { delegate, type UcantoDelegateOptions } from '../ucanto/delegate.ts'
export type { NewToken } from '../ucanto/new-token.ts'
export { type ExecuteOptions, execute } from '../ucanto/execute.ts'
export { invoke, type UcantoInvokeOptions } from '../ucanto/invoke.ts'
export type { UcantoReceipt } from '../ucanto/receipt.ts'
export type { UcantoCapability, UcantoToken } from '../ucanto/token.ts'
export { type UcantoFormatOptions, ucantoFormat } from '../ucanto/ucanto-format.ts'
export {
  type HandlerResult,
  type IncomingInvocation,
  type UcantoFailure,
  type UcantoHandler,
  type UcantoHandlerFailure,
  type UcantoService,
  type UcantoServiceOptions,
  ucantoService,
} from '../ucanto/ucanto-service.ts'
export {
  type UcantoRevocationOptions,
  type UcantoRevocationVerdict,
  verifyRevocation,
} from '../ucanto/verify-revocation.ts'
