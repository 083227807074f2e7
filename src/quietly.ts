/**
 * Calls a function of the user's that is told something and asked nothing. It cannot change what happens: what it throws
 * is ignored, and so is what it rejects with, as an `async` function is taken where one that returns nothing is meant.
 *
 * @returns what it returned; undefined when it threw.
 */
export function quietly<T>(report: () => T): T | undefined {
  try {
    const answer = report()
    // GRD-11
    if (isThenable(answer)) Promise.resolve(answer).catch(() => undefined)
    return answer
  } catch {
    return undefined
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { readonly then?: unknown }).then === 'function'
  )
}
