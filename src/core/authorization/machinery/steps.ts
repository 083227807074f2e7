/**
 * One set of rules, two ways to run it: a generator does the work and yields whenever it has to wait for something.
 * Where nothing has to be waited for, no promise is made and the answer comes at once.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import { unlessAborted } from '../../../support/abort.ts'
import { isPromiseLike } from '../../../support/promise.ts'

/** Work that yields the promises it must wait for, and returns a `T`. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>

/** Gets the value now if it is there, and waits for it otherwise. Use as `yield* wait(value)`. */
export function* wait<T>(value: T | PromiseLike<T>): Steps<T> {
  return isPromiseLike(value) ? ((yield value) as T) : value
}

/**
 * The same for the answer of a store or a resolver. Rejects as soon as the signal is aborted, whether or not the store
 * observes the signal.
 */
export function* waitUnlessAborted<T>(
  value: T | PromiseLike<T>,
  call: { readonly signal?: AbortSignal | undefined },
): Steps<T> {
  // The signal may be made when it is read.
  return isPromiseLike(value) ? ((yield unlessAborted(Promise.resolve(value), call.signal)) as T) : value
}

/** Runs steps to their end, waiting where they wait. */
export async function runAsync<T>(steps: Steps<T>): Promise<T> {
  return runOn(steps, steps.next())
}

/** The same; the result is there at once if the steps never wait. */
export function runNow<T>(steps: Steps<T>): T | Promise<T> {
  const step = steps.next()
  return step.done ? step.value : runOn(steps, step)
}

async function runOn<T>(steps: Steps<T>, first: IteratorResult<PromiseLike<unknown>, T>): Promise<T> {
  let step = first
  while (!step.done) {
    let value: unknown
    try {
      value = await step.value
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(value)
  }
  return step.value
}

/**
 * Runs steps that never have to wait.
 *
 * @throws ArgumentError when they do: a store, resolver, schema or back end given is asynchronous.
 */
export function runSync<T>(steps: Steps<T>): T {
  const step = steps.next()
  if (step.done) return step.value
  // No other code handles the promise; its failure must not end the process.
  Promise.resolve(step.value).catch(() => undefined)
  throw new ArgumentError('a store, resolver, schema or back end is asynchronous; call the asynchronous function')
}
