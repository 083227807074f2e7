import { isPromiseLike } from './promise.ts'

/**
 * Calls a callback of the user and ignores its error. A rejection is ignored as well, because TypeScript accepts an
 * `async` function for a callback that returns nothing.
 *
 * @returns the value that the callback returned; undefined when it threw.
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
