/**
 * gzip elsewhere than on Node.
 *
 * @module
 */

export { gunzip, gzip } from '../../container/gzip/web.ts'
