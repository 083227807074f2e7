/**
 * `procura/http/proxy`: a reverse proxy that puts a credential into the requests of authorized calls.
 *
 * @module
 */

export { proxyTo } from '../../http/proxy.ts'
