/**
 * `procura/vault/processors`: the ways in which credentials enter requests.
 *
 * @module
 */

export { basic } from '../../vault/processors/basic.ts'
export { bearer } from '../../vault/processors/bearer.ts'
export { clientCredentials } from '../../vault/processors/client-credentials.ts'
export { header } from '../../vault/processors/header.ts'
export { headers } from '../../vault/processors/headers.ts'
export { hmac } from '../../vault/processors/hmac.ts'
export { query } from '../../vault/processors/query.ts'
export { refreshToken } from '../../vault/processors/refresh-token.ts'
export { sigV4 } from '../../vault/processors/sigv4.ts'
