import { ArgumentError } from '../errors.ts'
import { isPromiseLike } from '../support/promise.ts'
import type { Agent } from './agent.ts'

/**
 * Refuses a value that is neither an agent nor a function, for an adapter with the given name.
 *
 * @throws ArgumentError
 */
export function refuseOtherAgent(where: string, agent: unknown, method: keyof Agent): void {
  if (isPromiseLike(agent)) throw new ArgumentError(`${where}: the agent is a promise; await it`)
  if (typeof agent !== 'function' && typeof Object(agent)[method] !== 'function')
    throw new ArgumentError(`${where}: the agent must be an agent of openAgent, or a function that returns one`)
}
