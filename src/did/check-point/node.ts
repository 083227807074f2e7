// node only: where the decision may be synchronous
/**
 * The check that a key is a point of its curve, on Node.
 *
 * @module
 */

import { assertOnCurve } from '../assert-on-curve.ts'
import type { CheckPoint } from './check-point.ts'

/** See {@link CheckPoint}. */
export const checkPoint: CheckPoint = assertOnCurve
