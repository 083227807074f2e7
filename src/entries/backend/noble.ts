/**
 * `procura/backend/noble`: cryptography in JavaScript, without any of the host.
 *
 * @module
 */

export { backend } from '../../principal/backend/noble.ts'
