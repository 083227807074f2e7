// node only: where the decision may be synchronous
/**
 * The explanation of a denial, on Node.
 *
 * @module
 */

import { explainDenial } from '../explain-denial.ts'
import type { Explain } from './explanation.ts'

/** See {@link Explain}. */
export const explain: Explain = explainDenial
