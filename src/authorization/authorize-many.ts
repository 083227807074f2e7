/**
 * Many calls. Loaded when there are some, so that who never has any carries nothing for it.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { refusePromise } from '../support/options.ts'
import type { Decision } from './decision.ts'
import type { CallOptions, ManyOptions } from './options.ts'

/**
 * Checks that there is a list: one container is a list of characters or numbers to the platform, and none here. Nothing in
 * it is a promise: it would be found when other calls have been decided, and used up.
 *
 * @param list - what was in it.
 * @throws ArgumentError that says so.
 */
export function checkContainers(containers: unknown, list: readonly unknown[]): void {
  if (
    typeof containers !== 'object' ||
    containers === null ||
    containers instanceof Uint8Array ||
    !(Symbol.iterator in containers)
  ) {
    throw new ArgumentError('authorizeMany takes a list of containers')
  }
  for (const [at, container] of list.entries()) refusePromise(`containers[${at}]`, container)
}

/**
 * Decides about many calls, some at a time, and returns the decisions in the order of the calls.
 *
 * @param decide - decides about one.
 */
export async function authorizeMany(
  containers: readonly (string | Uint8Array)[],
  options: ManyOptions,
  decide: (container: string | Uint8Array, call: CallOptions) => Promise<Decision>,
): Promise<readonly Decision[]> {
  const { concurrency = 64, ...call } = options
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
