// node only: uses node:buffer
/**
 * Base64url of Node, where `#bases` leads there.
 *
 * @module
 */

export { decode, encode } from '../../ipld/bases/node.ts'
