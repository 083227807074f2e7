/**
 * `procura/ucanto`: tokens of UCAN 0.9.1, as the ucanto libraries write them, under the rules of this library.
 *
 * @module
 */

export { type AbsentIssuer, absentIssuer } from './absent-issuer.ts'
export { archive, archiveToText, encodeMessage } from './archive.ts'
export { attest, type UcantoAttestOptions } from './attest.ts'
export { attenuate, type UcantoAttenuateOptions } from './attenuate.ts'
export type { Readers } from './caveats.ts'
export { type DecodeArchiveOptions, decode } from './decode.ts'
export { type DecodeMessageOptions, decodeMessage, type UcantoMessage } from './decode-message.ts'
export { delegate, type NewToken, type UcantoDelegateOptions } from './delegate.ts'
export { type ExecuteOptions, execute } from './execute.ts'
export { invoke, type UcantoInvokeOptions } from './invoke.ts'
export type { UcantoReceipt } from './receipt.ts'
export type { UcantoCapability, UcantoToken } from './token.ts'
export { type UcantoFormatOptions, ucantoFormat } from './ucanto-format.ts'
export {
  type HandlerResult,
  type IncomingInvocation,
  type UcantoFailure,
  type UcantoHandler,
  type UcantoHandlerFailure,
  type UcantoService,
  type UcantoServiceOptions,
  ucantoService,
} from './ucanto-service.ts'
export {
  type UcantoRevocationOptions,
  type UcantoRevocationVerdict,
  verifyRevocation,
} from './verify-revocation.ts'
