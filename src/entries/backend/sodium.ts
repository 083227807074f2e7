// node only: uses node:crypto by way of the back end of Node
/**
 * `procura/backend/sodium`: verification by libsodium.
 *
 * @module
 */

export { sodiumBackend } from '../../core/principal/backend/sodium.ts'
