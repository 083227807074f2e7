// node only: uses node:buffer
/**
 * The comparison of bytes on Node, where `#equal-bytes` leads there.
 *
 * @module
 */

export { equalBytes } from '../../ipld/equal-bytes/node.ts'
