/**
 * The one reader of options. Each function lists its options by name, so that an unknown name is refused and not passed
 * over: it can be a misspelled one, and most options narrow what is granted, kept or let through.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { quote } from '../support/quote.ts'

/** Says in words what a value must be when it is not that. */
export type Form = (value: unknown) => string | undefined

/** A form for every option of an interface, and for no other name: the list cannot drift from the type. */
export type Forms<Options> = { readonly [Name in NameOf<Options>]: Form }

/** The names of all members of a union. */
type NameOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never

/** Any value: for an option that is checked where it is used. */
export const anything: Form = () => undefined

/** The longest time that timers of the platform measure, in milliseconds: a longer one would end at once. */
export const longestMs = 2_147_483_647

/** A text that is not empty. */
export const text: Form = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a text that is not empty'

/** The text of a DID. Whoever has it, a signer for one, is not it. */
export const didText: Form = (value) =>
  typeof Object(value).did === 'string' ? 'must be a DID; pass `signer.did`' : text(value)

/** True or false. */
export const flag: Form = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')

/** A function. */
export const callback: Form = (value) => (typeof value === 'function' ? undefined : 'must be a function')

/** An object with named values, such as a table by name. */
export const table: Form = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isPromise(value)
    ? undefined
    : 'must be an object'

/** Bytes. */
export const bytes: Form = (value) => (value instanceof Uint8Array ? undefined : 'must be a Uint8Array')

/** Milliseconds that a timer can measure, more than none. */
export const milliseconds: Form = (value) =>
  typeof value === 'number' && value > 0 && value <= longestMs
    ? undefined
    : `must be milliseconds, above zero and at most ${longestMs}`

/** A number that is not less than `least`; infinity is one. */
export function number(least: number): Form {
  return (value) => (typeof value === 'number' && value >= least ? undefined : `must be a number, ${least} or more`)
}

/** A whole number that is not less than `least`, nor more than `most`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Form {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `must be a whole number${bounds}`
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

/** Whether a value is what `await` waits for. */
function isPromise(value: unknown): boolean {
  return having('then')(value) === undefined
}

/** A value that was not awaited is the usual mistake where something has to be made first, a signer or a sink. */
function faultOf(form: Form, value: unknown): string | undefined {
  const fault = form(value)
  return fault !== undefined && isPromise(value) ? 'is a promise; await it' : fault
}

/**
 * Refuses an argument that was not awaited.
 *
 * @throws ArgumentError that says so.
 */
export function refusePromise(name: string, value: unknown): void {
  if (isPromise(value)) throw new ArgumentError(`\`${name}\` is a promise; await it`)
}

/** An AbortSignal, of whichever realm. */
export const abortSignal: Form = (value) =>
  having('throwIfAborted')(value) === undefined ? undefined : 'must be an AbortSignal'

/** A list whose items are of a form. */
export function listOf(item: Form): Form {
  return (value) => {
    if (!Array.isArray(value)) return 'must be a list'
    if (value.some(isPromise)) return 'holds a promise; await it'
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
 * Reads options: refuses every name that `forms` does not list, and every value that is not of its form. No value is
 * shown: it can be a secret in the wrong place.
 *
 * @param of - who takes the options, as it is called in the message: a function, or a part of its options.
 * @param wrong - makes the error that is thrown, of its text. Default: an ArgumentError. `named` is true when the text
 *   says `of` already.
 * @returns the options that were given, read once: a plain copy, also of an instance of a class.
 */
export function checkOptions<Options>(
  of: string,
  options: Options,
  forms: Forms<NoInfer<Options>>,
  wrong: Wrong = (what) => new ArgumentError(what),
): Options {
  const missing = faultOf(table, options)
  if (missing !== undefined) throw wrong(`the options argument of ${of} ${missing}`, true)
  // TOK-26
  const unknown = findUnknown(options as object, forms)
  if (unknown !== undefined) throw wrong(`${of} has no option ${unknownName(unknown, Object.keys(forms))}`, true)
  return checkFields(options, forms, wrong) as Options
}

/**
 * The first name that would be read like an option, and is not one. Inherited and hidden names are read like others, and
 * so are the getters of a class: all are looked at. The methods of a class are not.
 */
function findUnknown(options: object, forms: object): string | undefined {
  for (const name in options) if (!Object.hasOwn(forms, name)) return name
  for (let from = options; from !== null && from !== Object.prototype; from = Object.getPrototypeOf(from) as object) {
    const isRead = (name: string): boolean => from === options || holdsValue(from, name)
    const unknown = Object.getOwnPropertyNames(from).find((name) => !Object.hasOwn(forms, name) && isRead(name))
    if (unknown !== undefined) return unknown
  }
  return undefined
}

/** Whether a prototype has a value or a getter of that name, and not a method. */
function holdsValue(prototype: object, name: string): boolean {
  const { get, value } = Object.getOwnPropertyDescriptor(prototype, name) ?? {}
  return get === undefined ? value !== undefined && typeof value !== 'function' : name !== '__proto__'
}

/** Makes an error of its text; `named` is true when the text says already who was told. */
type Wrong = (what: string, named: boolean) => Error

/**
 * Reads some fields of data, or of an instance, which may have others as well.
 *
 * @returns those fields.
 */
export function checkFields(value: unknown, forms: Readonly<Record<string, Form>>, wrong: Wrong): object {
  const missing = table(value)
  if (missing !== undefined) throw wrong(missing, false)
  const read: Record<string, unknown> = Object.create(null)
  for (const [name, form] of Object.entries(forms)) {
    const field = (value as Readonly<Record<string, unknown>>)[name]
    const fault = faultOf(form, field)
    if (fault !== undefined) throw wrong(`\`${name}\` ${fault}`, false)
    if (field !== undefined) read[name] = field
  }
  return read
}

/** Reads a table whose names are the caller's own: every value is of one form. */
export function checkTable<Value>(
  of: string,
  entries: Readonly<Record<string, Value>>,
  form: Form,
): Readonly<Record<string, Value>> {
  const names = table(entries) === undefined ? Object.keys(entries) : []
  return checkOptions(of, entries, Object.fromEntries(names.map((name) => [name, form])))
}

function unknownName(name: string, names: readonly string[]): string {
  const near = nearestName(name, names)
  const hint = near === undefined ? '' : `did you mean \`${near}\`? `
  return `${quote(name)}; ${hint}it has ${names.map((known) => `\`${known}\``).join(', ') || 'none'}`
}

/**
 * The name that was probably meant: one that begins like it, or can be made of it by changing less than half of it.
 *
 * @param names - those that there are.
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const meant = name.slice(0, 64).toLowerCase()
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of names) {
    const known = candidate.toLowerCase()
    const changes = distance(meant, known)
    const isNear = changes * 2 <= Math.max(meant.length, known.length)
    if (changes >= least || !(isNear || known.startsWith(meant) || meant.startsWith(known))) continue
    nearest = candidate
    least = changes
  }
  return nearest
}

/** How many characters are put in, left out or replaced to make one text of another (Levenshtein). */
function distance(from: string, to: string): number {
  const row = [...from].reduce(
    (row, character, done) => {
      const next = [done + 1]
      for (let at = 0; at < to.length; at++) {
        const [replaced = 0, added = 0] = row.slice(at)
        next.push(Math.min(replaced + Number(character !== to[at]), added + 1, (next[at] ?? 0) + 1))
      }
      return next
    },
    [...Array(to.length + 1).keys()],
  )
  return row[to.length] ?? 0
}
