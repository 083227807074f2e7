// node only: uses node:buffer and node:zlib
/**
 * Base64 and gzip of Node, where `#platform` leads there.
 *
 * @module
 */

export { decode, encode, gunzip, gzip } from '../../support/platform/node.ts'
