import type { IpldValue } from '../../../ipld/value.ts'
import type { Evaluation } from '../evaluation.ts'
import type { ExplainedFailure } from '../explain-failure.ts'
import type { PolicyFailure, ReadyPolicy } from '../ready-policy.ts'

/**
 * Explains why a policy refuses arguments, as `explainFailure` does.
 *
 * @param mayWait - whether the caller waits. If not, and the code is not at hand, the answer is undefined. It is undefined
 *   as well when the code cannot be loaded: then the denial has its code, and no explanation.
 */
export type ReasonOf = (
  policy: ReadyPolicy,
  failure: PolicyFailure,
  args: IpldValue,
  evaluation: Evaluation,
  mayWait: boolean,
) => ExplainedFailure | undefined | Promise<ExplainedFailure | undefined>
