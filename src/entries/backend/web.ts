/**
 * `procura/backend/web`: cryptography of WebCrypto.
 *
 * @module
 */

export { backend } from '../../core/principal/backend/web.ts'
