/**
 * The explanation of a denial elsewhere than on Node: it is loaded with the first denial.
 *
 * @module
 */

import type { Explain } from './explanation.ts'

/** See {@link Explain}. */
export const explain: Explain = (refusal, chain, settings, mayWait) =>
  mayWait
    ? import('../explain-denial.ts').then(({ explainDenial }) => explainDenial(refusal, chain, settings))
    : undefined
