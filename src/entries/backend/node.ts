// node only: uses node:crypto
/**
 * `procura/backend/node`: cryptography of Node.
 *
 * @module
 */

export { backend } from '../../core/principal/backend/node.ts'
