/**
 * Answers that may be errors, as values.
 *
 * @module
 */

/** Returns the answer to a question, or the error with which it failed. */
export async function settle<T>(ask: () => T | PromiseLike<T>): Promise<PromiseSettledResult<T>> {
  try {
    return fulfilled(await ask())
  } catch (reason) {
    return rejected(reason)
  }
}

/** An answer. */
export function fulfilled<T>(value: T): PromiseFulfilledResult<T> {
  return { status: 'fulfilled', value }
}

/** An error instead of an answer. */
export function rejected(reason: unknown): PromiseRejectedResult {
  return { status: 'rejected', reason }
}
