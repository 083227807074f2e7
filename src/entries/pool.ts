// node only: uses node:worker_threads
/**
 * `procura/pool`: verifies signatures on worker threads.
 *
 * @module
 */

export { ThreadError } from '../errors.ts'
export { createVerificationPool, type VerificationPool } from '../core/principal/pool/verification-pool.ts'
