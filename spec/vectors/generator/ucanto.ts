/**
 * Calls in UCAN 0.9.1.
 *
 * @module
 */

import { formVectors } from './ucanto/forms.ts'
import { pathVectors } from './ucanto/paths.ts'
import { serviceVectors } from './ucanto/services.ts'
import { sessionVectors } from './ucanto/sessions.ts'
import type { Vector } from './vector.ts'

/** All of them. */
export async function ucantoVectors(): Promise<readonly Vector[]> {
  return [...(await formVectors()), ...(await pathVectors()), ...(await serviceVectors()), ...(await sessionVectors())]
}
