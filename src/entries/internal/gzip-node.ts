// node only: uses node:zlib
/**
 * gzip of Node, where `#gzip` leads there.
 *
 * @module
 */

export { gunzip, gzip } from '../../container/gzip/node.ts'
