/**
 * `procura/backend/web`: cryptography of WebCrypto.
 *
 * @module
 */

export { backend } from '../../principal/backend/web.ts'
