/**
 * The check that a key is a point of its curve, elsewhere than on Node. The arithmetic is loaded on first use: it finds
 * out why a signature is invalid, or judges the keys of a resolver.
 *
 * @module
 */

import { type KeyBytes, notOnCurve } from '../multikey.ts'
import type { CheckPoint } from './check-point.ts'

/** See {@link CheckPoint}. */
export const checkPoint: CheckPoint = (key, mayWait = true) => (mayWait ? loadAndCheck(key) : undefined)

async function loadAndCheck(key: KeyBytes): Promise<void> {
  const { isOnCurve } = await import('../curves/is-on-curve.ts')
  if (!isOnCurve(key)) throw notOnCurve(key)
}
