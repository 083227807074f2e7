/**
 * Many calls. Loaded when there are some; it imports nothing, so that who never has any carries nothing for it.
 *
 * @module
 */

import type { Decision } from './decision.ts'
import type { CallOptions } from './options.ts'

/** Options of `authorizeMany`. */
export interface ManyOptions extends CallOptions {
  /** Most calls that are decided at a time. Default 64. */
  readonly concurrency?: number
}

/**
 * Says what is wrong with what `authorizeMany` was given, or undefined.
 *
 * @param containers - a list; one container is a list of characters or numbers to the platform, and none here.
 */
export function faultOf(containers: unknown, options: unknown): string | undefined {
  if (
    typeof containers !== 'object' ||
    containers === null ||
    containers instanceof Uint8Array ||
    !(Symbol.iterator in containers)
  ) {
    return 'authorizeMany takes a list of containers'
  }
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) return 'the options must be an object'
  const { concurrency = 64 } = options as { readonly concurrency?: unknown }
  return Number.isSafeInteger(concurrency) && Number(concurrency) > 0 ? undefined : '`concurrency` must be above zero'
}

/**
 * Decides about many calls, some at a time, and returns the decisions in the order of the calls.
 *
 * @param options - in which {@link faultOf} finds nothing wrong.
 * @param decide - decides about one.
 */
export async function authorizeMany(
  containers: readonly (string | Uint8Array)[],
  options: ManyOptions | undefined,
  decide: (container: string | Uint8Array, call: CallOptions) => Promise<Decision>,
): Promise<readonly Decision[]> {
  const { concurrency = 64, ...call } = options ?? {}
  const decisions: Decision[] = []
  let next = 0
  let failed = false

  async function work(): Promise<void> {
    while (next < containers.length && !failed) {
      const index = next++
      try {
        decisions[index] = await decide(containers[index] as string | Uint8Array, call)
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
