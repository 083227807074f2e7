/**
 * Checks of options by their form, for what is made once and used for long: a mistake is told where it can be mended,
 * and not by an error of the platform at the first call.
 *
 * @module
 */

import { ArgumentError } from './errors.ts'

/** Says in words what a value must be when it is not that. */
export type Form = (value: unknown) => string | undefined

/** The longest time that timers of the platform measure, in milliseconds: a longer one would end at once. */
const LONGEST_MS = 2_147_483_647

/** A text that is not empty. */
export const text: Form = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a text that is not empty'

/** True or false. */
export const flag: Form = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')

/** A function. */
export const callback: Form = (value) => (typeof value === 'function' ? undefined : 'must be a function')

/** An object with named values, such as a table by name. */
export const table: Form = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be an object'

/** Bytes. */
export const bytes: Form = (value) => (value instanceof Uint8Array ? undefined : 'must be a Uint8Array')

/** Milliseconds that a timer can measure, more than none. */
export const milliseconds: Form = (value) =>
  typeof value === 'number' && value > 0 && value <= LONGEST_MS
    ? undefined
    : `must be milliseconds, above zero and at most ${LONGEST_MS}`

/** A number that is not less than `least`; infinity is one. */
export function number(least: number): Form {
  return (value) => (typeof value === 'number' && value >= least ? undefined : `must be a number, ${least} or more`)
}

/** A whole number that is not less than `least`. */
export function whole(least: number): Form {
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= least ? undefined : `must be a whole number, ${least} or more`
}

/** One of some texts. */
export function oneOf(...choices: readonly string[]): Form {
  return (value) => (choices.includes(value as string) ? undefined : `must be one of ${choices.join(', ')}`)
}

/** An object with this method. */
export function having(method: string): Form {
  return (value) =>
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
      ? undefined
      : `must be an object with a method \`${method}\``
}

/** An AbortSignal, of whichever realm. */
export const abortSignal: Form = (value) =>
  having('throwIfAborted')(value) === undefined ? undefined : 'must be an AbortSignal'

/** A list whose items are of a form. */
export function listOf(item: Form): Form {
  return (value) => {
    if (!Array.isArray(value)) return 'must be a list'
    const wrong = value.map(item).find((fault) => fault !== undefined)
    return wrong === undefined ? undefined : `is a list of which each item ${wrong}`
  }
}

/** A value of one of two forms. */
export function either(one: Form, other: Form): Form {
  return (value) => {
    const wrong = one(value)
    const second = wrong === undefined ? undefined : other(value)
    return second === undefined ? undefined : `${wrong}, or ${second.replace(/^must be /, '')}`
  }
}

/** A value of a form, or nothing. */
export function maybe(form: Form): Form {
  return (value) => (value === undefined ? undefined : form(value))
}

/**
 * Checks each named option. No value is shown: it can be a secret in the wrong place.
 *
 * @param wrong - makes the error that is thrown, of a text that names the option and says what it must be. Default: an
 *   ArgumentError.
 */
export function checkOptions(
  options: unknown,
  forms: Readonly<Record<string, Form>>,
  wrong: (what: string) => Error = (what) => new ArgumentError(what),
): void {
  const missing = table(options)
  if (missing !== undefined) throw wrong(`the options ${missing}`)
  for (const [name, form] of Object.entries(forms)) {
    const fault = form((options as Readonly<Record<string, unknown>>)[name])
    if (fault !== undefined) throw wrong(`\`${name}\` ${fault}`)
  }
}
