/**
 * The comparison of byte strings where there is no Node.
 *
 * @module
 */

export { bytesEqual as equalBytes } from '../bytes.ts'
