/**
 * `procura/backend/noble`: cryptography in JavaScript, without the algorithms of the host.
 *
 * @module
 */

export { backend } from '../../principal/backend/noble.ts'
