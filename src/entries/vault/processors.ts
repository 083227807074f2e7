/**
 * How credentials get into requests.
 *
 * @module
 */

export type { OutgoingRequest, Processor, ProcessorContext, ProcessorDescription } from '../../vault/processor.ts'
export { type BasicParameters, basic } from '../../vault/processors/basic.ts'
export { bearer } from '../../vault/processors/bearer.ts'
export { type ClientCredentialsParameters, clientCredentials } from '../../vault/processors/client-credentials.ts'
export type { FieldParameter } from '../../vault/processors/field.ts'
export { type HeaderParameters, header } from '../../vault/processors/header.ts'
export { type HmacParameters, hmac, type SignedPart } from '../../vault/processors/hmac.ts'
export { type QueryParameters, query } from '../../vault/processors/query.ts'
export { type RefreshTokenParameters, refreshToken } from '../../vault/processors/refresh-token.ts'
export { type SigV4Parameters, sigV4 } from '../../vault/processors/sigv4.ts'
export type { ClientAuthentication } from '../../vault/stores/oauth/token-endpoint.ts'
