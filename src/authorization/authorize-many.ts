import type { Decision } from './decision.ts'
import type { CallOptions } from './options.ts'

/** Options of `authorizeMany`. */
export interface ManyOptions extends CallOptions {
  /** Most calls that are decided at a time. Default 64. */
  readonly concurrency?: number
}

/**
 * Decides about many calls, some at a time, and returns the decisions in the order of the calls.
 *
 * @param concurrency - a whole number above zero.
 * @param decide - decides about one.
 */
export async function authorizeMany(
  containers: readonly (string | Uint8Array)[],
  concurrency: number,
  decide: (container: string | Uint8Array) => Promise<Decision>,
): Promise<readonly Decision[]> {
  const decisions: Decision[] = []
  let next = 0
  let failed = false

  async function work(): Promise<void> {
    while (next < containers.length && !failed) {
      const index = next++
      try {
        decisions[index] = await decide(containers[index] as string | Uint8Array)
      } catch (error) {
        // The mistake of a caller: what is not begun yet is left.
        failed = true
        throw error
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, containers.length) }, work))
  return Object.freeze(decisions)
}
