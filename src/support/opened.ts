import { nonEmptyString, type OptionCheck, objectValue } from './options.ts'

/** Whether a value is an opened object, which has this method, and not a path or the options for opening it. */
export function isOpened<Opened extends object>(
  value: string | object | undefined,
  method: keyof Opened & string,
): value is Opened {
  return typeof Object(value)[method] === 'function'
}

/** The options with the path: a string is the path. */
export function withPath<Options extends object, Name extends string>(value: string | Options, name: Name): Options {
  return typeof value === 'string' ? ({ [name]: value } as Options & Record<Name, string>) : value
}

/**
 * A path, the options of the function that opens it, or an object that is open already. That function checks its
 * options.
 *
 * @param choices - ends the message: `must be …`.
 */
export function openable(choices: string): OptionCheck {
  return (value) =>
    nonEmptyString(value) === undefined || objectValue(value) === undefined ? undefined : `must be ${choices}`
}
