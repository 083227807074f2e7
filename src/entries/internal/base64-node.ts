// node only: uses node:buffer
/**
 * Base64url of Node, where `#base64` leads there.
 *
 * @module
 */

export { decode, encode } from '../../ipld/base64/node.ts'
