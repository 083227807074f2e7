// node only: where the decision may be synchronous
/**
 * The explanation of a refused policy, on Node.
 *
 * @module
 */

import { explainFailure } from '../explain-failure.ts'
import type { ReasonOf } from './refusal-reason.ts'

/** See {@link ReasonOf}. */
export const reasonOf: ReasonOf = explainFailure
