/**
 * Base64url elsewhere than on Node.
 *
 * @module
 */

export { decode, encode } from '../../ipld/base64/web.ts'
