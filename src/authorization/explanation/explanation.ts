import type { UnsignedChain } from '../chain.ts'
import type { ExplainedSettings, Explanation } from '../explain-denial.ts'
import type { Refusal } from '../refusal.ts'

/**
 * Explains a refusal, as `explainDenial` does.
 *
 * @param mayWait - whether the caller waits. If not, and the code is not at hand, the answer is undefined. The promise
 *   rejects when the code cannot be loaded.
 */
export type Explain = (
  refusal: Refusal,
  chain: UnsignedChain | undefined,
  settings: ExplainedSettings,
  mayWait: boolean,
) => Explanation | undefined | Promise<Explanation>
