/**
 * The explanation of a refused policy elsewhere than on Node: it is loaded when a policy refuses a call.
 *
 * @module
 */

import type { ReasonOf } from './refusal-reason.ts'

/** See {@link ReasonOf}. */
export const reasonOf: ReasonOf = (policy, failure, args, evaluation, mayWait) =>
  mayWait
    ? import('../explain-failure.ts').then(
        ({ explainFailure }) => explainFailure(policy, failure, args, evaluation),
        () => undefined,
      )
    : undefined
