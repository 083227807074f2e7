/**
 * Where signatures are verified elsewhere than on Node: where the call is.
 *
 * @module
 */

import type { CryptoBackend } from '../../../principal/backend/backend.ts'
import { atOnceBy, type Verifiers } from './verifiers.ts'

/** Returns one way for all calls: no back end for this platform has threads. */
export function createVerifiers(backend: CryptoBackend): Verifiers {
  const atOnce = atOnceBy(backend)
  return { atOnce, forCall: () => atOnce }
}
