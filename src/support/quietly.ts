import { isPromiseLike } from './promise.ts'

/**
 * Calls a listener of the user's. An error that it throws is ignored. So is one that it rejects with: TypeScript takes an
 * `async` function where one that returns nothing is meant.
 *
 * @returns the value that it returned; undefined when it threw.
 */
export function quietly<T>(report: () => T): T | undefined {
  try {
    const answer = report()
    // GRD-11
    if (isPromiseLike(answer)) Promise.resolve(answer).catch(() => undefined)
    return answer
  } catch {
    return undefined
  }
}
