// node only: uses node:worker_threads
/**
 * `procura/pool`: signatures verified on threads of their own.
 *
 * @module
 */

export { ThreadError } from '../errors.ts'
export type { BackendChoice } from '../principal/pool/choose-backend.ts'
export {
  createVerificationPool,
  type VerificationPool,
  type VerificationPoolOptions,
} from '../principal/pool/verification-pool.ts'
