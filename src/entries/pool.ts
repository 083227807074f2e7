// node only: uses node:worker_threads
/**
 * `procura/pool`: signatures verified on threads of their own.
 *
 * @module
 */

export { ThreadError } from '../errors.ts'
export { createVerificationPool, type VerificationPool } from '../principal/pool/verification-pool.ts'
