/**
 * Checks of options, where a mistake would otherwise end in an error of the platform that does not say what to do.
 *
 * @module
 */

import { ArgumentError } from './errors.ts'

/**
 * Returns the value of an option when it is an object with that method.
 *
 * @throws {@link ArgumentError} when it is not, with the name of the option and of the method.
 */
export function withMethod<T extends object>(name: string, value: T, method: keyof T & string): T {
  if (typeof value !== 'object' || value === null || typeof value[method] !== 'function') {
    throw new ArgumentError(`\`${name}\` must have a method \`${method}\``)
  }
  return value
}

/**
 * Returns the value of an option when it is a list.
 *
 * @param isItem - asked about each item; default that it is one.
 * @throws {@link ArgumentError} when it is not, with the name of the option and what the list is of.
 */
export function asList<T>(
  name: string,
  value: readonly T[],
  what: string,
  isItem: (item: T | null | undefined) => boolean = () => true,
): readonly T[] {
  if (!Array.isArray(value) || !value.every(isItem)) throw new ArgumentError(`\`${name}\` must be a list of ${what}`)
  return value
}
