// node only: uses node:buffer
/**
 * The bases on Node, where `#bases` leads there.
 *
 * @module
 */

export { decode, decodeShortBase58, encode } from '../../ipld/bases/node.ts'
