/**
 * `procura/backend/noble`: cryptography in JavaScript, without the algorithms of the host.
 *
 * @module
 */

export { backend } from '../../core/principal/backend/noble.ts'
