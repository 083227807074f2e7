/**
 * Reads options. Each function lists its options by name, and an unknown name is refused: it can be a misspelled
 * option, and most options restrict a grant or a release.
 *
 * ```ts
 * const { clock, maxEntries } = readOptions('memoryReplayStore', options, {
 *   clock: withDefault(withMethod('now'), systemClock),
 *   maxEntries: withDefault(integerFrom(1), 100_000),
 * })
 * ```
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { functionHint, nearHint } from './near-name.ts'
import { isPromiseLike } from './promise.ts'
import { quote } from './quote.ts'

/** Checks a value. Returns undefined when it is valid, and otherwise the requirement, such as `must be a function`. */
export type OptionCheck = (value: unknown) => string | undefined

/** A check for every option of an interface, and for no other name, so the list agrees with the type. */
export type OptionChecks<Options> = { readonly [Name in NameOf<Options>]: OptionCheck }

/** The check of an option that may be missing, with its default. */
export interface DefaultCheck {
  (value: unknown): string | undefined
  readonly fallback: unknown
}

/** The options that were read. Options with a default are never missing. */
export type Read<Options, Checks> = Options & {
  readonly [Name in keyof Checks as Checks[Name] extends DefaultCheck ? Name : never]: NonNullable<unknown>
}

/** The names of all members of a union. */
type NameOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never

/** Accepts any value, for an option that is checked where it is used. */
export const anything: OptionCheck = () => undefined

/** The longest delay of a timer, in milliseconds. A timer with a longer one fires at once. */
export const longestMs = 2_147_483_647

/** A non-empty string. */
export const nonEmptyString: OptionCheck = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a non-empty string'

/** A DID as a string. The usual mistake is to pass an object with a DID, such as a signer. */
export const didString: OptionCheck = (value) =>
  nonEmptyString(value) &&
  `must be a DID${typeof Object(value).did === 'string' ? '; pass `signer.did`' : ' as a string'}`

/** True or false. */
export const flag: OptionCheck = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')

/** A function. */
export const callback: OptionCheck = (value) => (typeof value === 'function' ? undefined : 'must be a function')

/** An object with named values. */
export const objectValue: OptionCheck = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isPromiseLike(value)
    ? undefined
    : 'must be an object'

/** Bytes. */
export const byteArray: OptionCheck = (value) => (value instanceof Uint8Array ? undefined : 'must be a Uint8Array')

/** A delay of a timer, in milliseconds. */
export const milliseconds: OptionCheck = (value) =>
  typeof value === 'number' && value > 0 && value <= longestMs
    ? undefined
    : `must be a number of milliseconds > 0 and <= ${longestMs}`

/** A number >= `least`, or infinity. */
export function numberFrom(least: number): OptionCheck {
  return (value) => (typeof value === 'number' && value >= least ? undefined : `must be a number >= ${least}`)
}

/** An integer >= `least` and <= `most`. */
export function integerFrom(least: number, most: number = Number.MAX_SAFE_INTEGER): OptionCheck {
  const bound = most === Number.MAX_SAFE_INTEGER ? '' : ` and <= ${most}`
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `must be an integer >= ${least}${bound}${typeof value === 'string' ? ' (got a string)' : ''}`
}

/** One of some strings. */
export function oneOfStrings(...choices: readonly string[]): OptionCheck {
  return (value) =>
    choices.includes(value as string) ? undefined : `must be ${choices.map((choice) => `'${choice}'`).join(' or ')}`
}

/** A check whose message ends with an example of a valid value. */
export function suchAs(check: OptionCheck, example: string): OptionCheck {
  return (value) => {
    const fault = check(value)
    return fault === undefined ? undefined : `${fault}, such as ${example}`
  }
}

/** An object with this method. */
export function withMethod(method: string): OptionCheck {
  return (value) =>
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
      ? undefined
      : `must be an object with a method \`${method}\`${functionHint(value, method)}`
}

/** A missing `await` is the usual mistake for a value that is made asynchronously. */
const promiseFault = 'is a promise; await it'

/** Returns the fault of a value. */
function faultOf(check: OptionCheck, value: unknown): string | undefined {
  const fault = check(value)
  return fault !== undefined && isPromiseLike(value) ? promiseFault : fault
}

/**
 * Refuses a promise, for an argument that the caller has to await.
 *
 * @throws ArgumentError when `value` is a promise.
 */
export function refusePromise(name: string, value: unknown): void {
  if (isPromiseLike(value)) throw new ArgumentError(`\`${name}\` ${promiseFault}`)
}

/** An AbortSignal of any realm. Undefined is none: a caller passes on the signal that it may have. */
export const abortSignal: OptionCheck = orEmpty((value) =>
  value === undefined || withMethod('throwIfAborted')(value) === undefined ? undefined : 'must be an AbortSignal',
)

/**
 * A check that decides about `undefined` and `null` itself, in an option that is present. For an option without effect
 * on a restriction, and for one whose absence is reported where it is used.
 */
export function orEmpty(check: OptionCheck): OptionCheck {
  return Object.assign((value: unknown) => check(value), { decidesEmpty: true })
}

/** An array whose items pass a check. The message contains the index of the invalid item, from 0. */
export function arrayOf(check: OptionCheck): OptionCheck {
  return (value) => {
    if (!Array.isArray(value)) return 'must be an array'
    for (const [index, item] of value.entries()) {
      const fault = isPromiseLike(item) ? promiseFault : check(item)
      if (fault !== undefined) return `has an invalid item: [${index}] ${fault}`
    }
    return undefined
  }
}

/** A non-empty array whose items pass a check. */
export function nonEmptyArrayOf(check: OptionCheck): OptionCheck {
  return (value) => (Array.isArray(value) && value.length === 0 ? 'must be a non-empty array' : arrayOf(check)(value))
}

/** A value that passes one of two checks. */
export function either(one: OptionCheck, other: OptionCheck): OptionCheck {
  return (value) => {
    const wrong = one(value)
    const second = wrong === undefined ? undefined : other(value)
    return second === undefined ? undefined : `${wrong}, or ${second.replace(/^must be /, '')}`
  }
}

/** A value that passes a check, or is missing. */
export function maybe(check: OptionCheck): OptionCheck {
  const either = (value: unknown): string | undefined => (value === undefined ? undefined : check(value))
  return 'decidesEmpty' in check ? orEmpty(either) : either
}

/** A value that passes a check, or is missing and then has a default. */
export function withDefault(check: OptionCheck, fallback: NonNullable<unknown>): DefaultCheck {
  return Object.assign((value: unknown) => maybe(check)(value), { fallback })
}

/**
 * Reads options: refuses every name that `checks` does not list and every invalid value, and fills in the defaults. No
 * value is shown: it can be a secret in the wrong place.
 *
 * @param of - the function that takes the options, or a part of its options, as the message names it.
 * @param wrong - makes the error. Default: an ArgumentError.
 * @returns the options, each read once: a plain copy, also of an instance of a class.
 * @throws ArgumentError that names `of`, the option and the requirement.
 */
export function readOptions<Options, Checks extends OptionChecks<NoInfer<Options>> = OptionChecks<NoInfer<Options>>>(
  of: string,
  options: Options,
  checks: Checks,
  wrong: MakeError = argumentError,
): Read<Options, Checks> {
  const fault = faultOf(objectValue, options)
  if (fault !== undefined) throw wrong(`the options argument of ${of} ${fault}`)
  // TOK-26
  const unknown = findUnknown(options as object, checks)
  if (unknown !== undefined) throw wrong(`${of} has no option ${unknownName(unknown, Object.keys(checks))}`)
  return readNamed(of, options as object, checks, wrong, true) as Read<Options, Checks>
}

/**
 * Returns the first name that is not an option. Inherited and non-enumerable properties are read like others, as are
 * the getters of a class, so all of these are examined. Methods of a class are not.
 */
function findUnknown(options: object, checks: object): string | undefined {
  for (const name in options) if (!Object.hasOwn(checks, name)) return name
  for (let from = options; from !== null && from !== Object.prototype; from = Object.getPrototypeOf(from) as object) {
    for (const name of Object.getOwnPropertyNames(from))
      if (!Object.hasOwn(checks, name) && (from === options || holdsValue(from, name))) return name
  }
  return undefined
}

/** Whether a prototype has a value or a getter of that name, and not a method. */
function holdsValue(prototype: object, name: string): boolean {
  const { get, value } = Object.getOwnPropertyDescriptor(prototype, name) ?? {}
  return get === undefined ? value !== undefined && typeof value !== 'function' : name !== '__proto__'
}

/** Makes an error from its message. */
export type MakeError = (message: string) => Error

const argumentError: MakeError = (message) => new ArgumentError(message)

/**
 * Reads some fields of data, or of an instance, which may have others as well.
 *
 * @returns those fields.
 * @throws ArgumentError that names `of`, the field and the requirement.
 */
export function readFields(
  of: string,
  value: unknown,
  checks: Readonly<Record<string, OptionCheck | DefaultCheck>>,
  wrong: MakeError = argumentError,
): object {
  const invalid = faultOf(objectValue, value)
  if (invalid !== undefined) throw wrong(`${of} ${invalid}`)
  return readNamed(of, value as object, checks, wrong, false)
}

/**
 * Reads the fields that `checks` lists.
 *
 * @param isStrict - refuses a field that is present without a value.
 */
function readNamed(
  of: string,
  value: object,
  checks: Readonly<Record<string, OptionCheck | DefaultCheck>>,
  wrong: MakeError,
  isStrict: boolean,
): object {
  const read: Record<string, unknown> = Object.create(null)
  let fault: string | undefined
  let worst = 0
  for (const name of Object.keys(checks)) {
    const check = checks[name] as OptionCheck | DefaultCheck
    const field = (value as Readonly<Record<string, unknown>>)[name]
    const isEmpty = isStrict && (field ?? undefined) === undefined && name in value
    // TOK-27
    const empty = isEmpty && !('decidesEmpty' in check) ? `is ${field}; pass a value, or leave it out` : undefined
    const found = faultOf(check, field) ?? empty
    // Another field may be invalid because a missing `await` has left it undefined: the promise is named first.
    const rank = found === undefined ? 0 : found === promiseFault ? 3 : isEmpty ? 2 : 1
    if (rank > worst) {
      fault = `\`${name}\` ${found}`
      worst = rank
    }
    if (rank === 3) break
    if (field !== undefined) read[name] = field
    else if ('fallback' in check) read[name] = check.fallback
  }
  if (fault !== undefined) throw wrong(`${of}: ${fault}`)
  return read
}

/** Reads an object with names that the caller chooses. Every value passes the same check. */
export function readTable<Value>(
  of: string,
  entries: Readonly<Record<string, Value>>,
  check: OptionCheck,
): Readonly<Record<string, Value>> {
  const names = objectValue(entries) === undefined ? Object.keys(entries) : []
  return readOptions(of, entries, Object.fromEntries(names.map((name) => [name, check])))
}

function unknownName(name: string, names: readonly string[]): string {
  const known = names.map((one) => `\`${one}\``).join(', ')
  return `${quote(name)}; ${nearHint(name, names)}it has ${known || 'no options'}`
}
