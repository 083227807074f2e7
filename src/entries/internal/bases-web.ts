/**
 * The bases elsewhere than on Node.
 *
 * @module
 */

export { decode, decodeShortBase58, encode } from '../../ipld/bases/web.ts'
