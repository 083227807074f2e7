import { StoreFullError } from '../errors.ts'
import { isPromiseLike } from '../support/promise.ts'

/** The result of an operation of a store: `full` and `error` are rejections. */
export type StoreOutcome = 'ok' | 'full' | 'error'

/** Receives each operation of a store. It must not throw. */
export type ObserveOperation = (operation: string, outcome: StoreOutcome, durationMs: number) => void

/**
 * Makes a store that answers as another one, and reports the time of each operation. All its methods are passed on,
 * also those that only some stores have. A method that answers at once still does. OPS-02
 *
 * @param operations - the methods that are reported.
 */
export function observedStore<Store extends object>(
  store: Store,
  operations: readonly string[],
  observe: ObserveOperation,
): Store {
  const observed: Record<string, unknown> = {}
  for (const name of propertiesOf(store)) {
    const isMethod = typeof Reflect.get(store, name) === 'function'
    Object.defineProperty(observed, name, {
      enumerable: true,
      ...(isMethod
        ? { value: methodOf(store, name, operations.includes(name) ? observe : undefined) }
        : getterOf(store, name)),
    })
  }
  return Object.freeze(observed) as Store
}

/** The outcome of an operation that failed. */
export function outcomeOf(error: unknown): StoreOutcome {
  return error instanceof StoreFullError ? 'full' : 'error'
}

/** The names of an object and of its classes. */
function propertiesOf(store: object): ReadonlySet<string> {
  const names = new Set<string>()
  for (
    let from: object | null = store;
    from !== null && from !== Object.prototype;
    from = Object.getPrototypeOf(from)
  ) {
    for (const name of Object.getOwnPropertyNames(from)) if (name !== 'constructor') names.add(name)
  }
  return names
}

function getterOf(store: object, name: string): PropertyDescriptor {
  return { get: () => Reflect.get(store, name) }
}

type Method = (...values: readonly unknown[]) => unknown

function methodOf(store: object, name: string, observe: ObserveOperation | undefined): Method {
  const call: Method = (...values) => (Reflect.get(store, name) as Method).apply(store, [...values])
  if (observe === undefined) return call
  return (...values) => {
    const start = performance.now()
    const end = (outcome: StoreOutcome): void => observe(name, outcome, performance.now() - start)
    const fail = (error: unknown): never => {
      end(outcomeOf(error))
      throw error
    }
    let answer: unknown
    try {
      answer = call(...values)
    } catch (error) {
      return fail(error)
    }
    if (isPromiseLike(answer)) {
      return Promise.resolve(answer).then((value) => {
        end('ok')
        return value
      }, fail)
    }
    end('ok')
    return answer
  }
}
