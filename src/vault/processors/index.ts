/**
 * How credentials get into requests.
 *
 * @module
 */

export type { ClientAuthentication } from '../oauth/token-endpoint.ts'
export type { OutgoingRequest, Processor, ProcessorContext, ProcessorDescription } from '../processor.ts'
export { type BasicParameters, basic } from './basic.ts'
export { bearer } from './bearer.ts'
export { type ClientCredentialsParameters, clientCredentials } from './client-credentials.ts'
export type { FieldParameter } from './field.ts'
export { type HeaderParameters, header } from './header.ts'
export { type HmacParameters, hmac, type SignedPart } from './hmac.ts'
export { type QueryParameters, query } from './query.ts'
export { type RefreshTokenParameters, refreshToken } from './refresh-token.ts'
export { type SigV4Parameters, sigV4 } from './sigv4.ts'
