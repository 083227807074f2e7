import { ArgumentError } from '../../errors.ts'
import {
  integerFrom,
  type OptionChecks,
  readOptions,
  refusePromise,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import type { Authorizer } from './authorize.ts'
import type { Decision } from './decision.ts'
import { callChecks } from './options.ts'
import type { CallOptions } from './settings.ts'

/** Options of {@link authorizeMany}. */
export interface ManyOptions extends CallOptions {
  /** Most calls that are decided at a time. Default 64. */
  readonly concurrency?: number
}

const optionChecks = Object.freeze({
  ...callChecks,
  concurrency: withDefault(integerFrom(1), 64),
}) satisfies OptionChecks<ManyOptions>

/**
 * Decides about many calls, for queues and logs, some at a time. If two of them are copies of one call, either of the
 * two may be the one that is accepted.
 *
 * @example
 * ```ts
 * import { authorizeMany } from 'procura/authorization'
 *
 * const decisions = await authorizeMany(authorizer, containers, { concurrency: 256 })
 * ```
 *
 * @param authorizer - from `createAuthorizer`.
 * @param containers - each is read when its turn comes. Do not change the bytes of one before.
 * @returns the decisions in the order of the calls.
 * @throws ArgumentError when `containers` is not a list, or an option is not of its type.
 */
export async function authorizeMany(
  authorizer: Pick<Authorizer, 'authorize'>,
  containers: Iterable<string | Uint8Array>,
  options: ManyOptions = {},
): Promise<readonly Decision[]> {
  readOptions('authorizeMany', { authorizer }, { authorizer: withMethod('authorize') })
  // A copy, made before the first call is decided.
  const list = Array.from(containers ?? [])
  const { concurrency, ...call } = readOptions('authorizeMany', options, optionChecks)
  checkContainers(containers, list)
  const decisions: Decision[] = []
  let next = 0
  let failed = false

  async function work(): Promise<void> {
    while (next < list.length && !failed) {
      const index = next++
      try {
        decisions[index] = await authorizer.authorize(list[index] as string | Uint8Array, call)
      } catch (error) {
        // A mistake of the caller. The calls that have not begun are left undecided.
        failed = true
        throw error
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, work))
  return Object.freeze(decisions)
}

/**
 * Refuses an input that is not a list of containers. A single container is iterable too, by its characters or numbers.
 * A promise in the list would be found only after other calls had been decided and used up.
 *
 * @param list - the items of `containers`.
 */
function checkContainers(containers: unknown, list: readonly unknown[]): void {
  const isList = typeof containers === 'object' && containers !== null && Symbol.iterator in containers
  if (!isList || containers instanceof Uint8Array) throw new ArgumentError('authorizeMany takes a list of containers')
  for (const [at, container] of list.entries()) refusePromise(`containers[${at}]`, container)
}
