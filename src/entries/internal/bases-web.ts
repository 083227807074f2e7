/**
 * Base64url elsewhere than on Node.
 *
 * @module
 */

export { decode, encode } from '../../ipld/bases/web.ts'
