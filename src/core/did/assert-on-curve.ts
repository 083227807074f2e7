import { isOnCurve } from './curves/is-on-curve.ts'
import { type KeyBytes, notOnCurve } from './multikey.ts'

/**
 * Checks that the bytes encode a point on the curve.
 *
 * @param key - for which `assertForm` has passed.
 * @throws MalformedError when they do not.
 */
export function assertOnCurve(key: KeyBytes): void {
  if (!isOnCurve(key)) throw notOnCurve(key)
}
