/**
 * Base64 and gzip elsewhere than on Node.
 *
 * @module
 */

export { gunzip } from '../../support/platform/gunzip.ts'
export { decode, encode, gzip } from '../../support/platform/web.ts'
