/**
 * The comparison of bytes elsewhere than on Node.
 *
 * @module
 */

export { equalBytes } from '../../ipld/equal-bytes/web.ts'
