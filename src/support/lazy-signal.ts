/** Leads from an object to the function that makes its signal. */
const makerKey: unique symbol = Symbol('signal')

/** An object with the function that makes its signal. */
interface Signaling {
  readonly [makerKey]: () => AbortSignal | undefined
}

/**
 * One descriptor for all objects. Each getter in an object literal is a function of its own, with which engines store
 * the object as a dictionary: it takes five times as long to make, and as long again to freeze.
 */
const descriptor: PropertyDescriptor & ThisType<Signaling> = {
  enumerable: true,
  get() {
    return this[makerKey]()
  },
}

/**
 * Adds a signal that is made when it is read, as an own property, so that a copy by spreading has it too.
 *
 * @param target - a new object, which is changed.
 */
export function withLazySignal<T extends object, Signal extends AbortSignal | undefined>(
  target: T,
  make: () => Signal,
): T & { readonly signal: Signal } {
  const made = target as T & { [makerKey]: () => Signal; readonly signal: Signal }
  made[makerKey] = make
  Object.defineProperty(made, 'signal', descriptor)
  return made
}
