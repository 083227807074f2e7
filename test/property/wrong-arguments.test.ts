/**
 * A wrong argument leads to an error of this library that names it, never to an error of the platform. Each argument of
 * each public function, each option and each element of a list is replaced by several values that are wrong in most
 * places.
 *
 * The insides of objects of the library are not changed: tokens, signers, keys and CIDs are valid unless somebody
 * changes them on purpose. Another value in their place is tested like any other.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, MalformedError, type ProcuraError } from '../../src/errors.ts'
import { isPublic, readModules, root } from '../setup/entries.ts'
import { type AnyFunction, otherEntries, otherFunctions, type PublicCall, publicCalls } from './public-calls.ts'

/** Values that are wrong in most places, by their names in the report. */
const wrong: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['0', 0],
  ['-1', -1],
  ['1.5', 1.5],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['10n', 10n],
  ['an empty text', ''],
  ['a text', 'x'],
  ['a symbol', Symbol('s')],
  ['a function', () => 1],
  ['an empty map', {}],
  ['a map without prototype', Object.assign(Object.create(null), { x: 1 })],
  ['an empty list', []],
  ['a list of null', [null]],
  ['a Map', new Map()],
  ['bytes', new Uint8Array(1)],
  ['a date', new Date(0)],
  ['a promise', Promise.resolve(1)],
])

/** A place in the arguments of a call, its value, and the arguments with another value in it. */
interface Place {
  readonly name: string
  readonly value: unknown
  readonly replace: (other: unknown) => readonly unknown[]
}

const entries = Object.entries(readModules()).filter(([entry]) => isPublic(entry))
const looked = entries.filter(([entry]) => ![...otherEntries.keys()].some((pattern) => pattern.test(entry)))

describe('wrong arguments', () => {
  it('are tried on every function that an entry point exports', async () => {
    const seen = new Set<unknown>()
    const forgotten: string[] = []
    for (const [entry, file] of looked) {
      for (const [name, value] of Object.entries(await exportsOf(file))) {
        if (typeof value !== 'function' || isClass(value) || seen.has(value)) continue
        seen.add(value)
        const isCalled = Object.hasOwn(publicCalls[entry] ?? {}, name)
        if (isCalled === otherFunctions.has(`${entry} ${name}`)) forgotten.push(`${entry} ${name}`)
      }
    }
    expect(forgotten).toEqual([])
  })

  it('are left out only where there is something to leave out', async () => {
    for (const pattern of otherEntries.keys()) {
      expect(
        entries.some(([entry]) => pattern.test(entry)),
        String(pattern),
      ).toBe(true)
    }
    for (const called of otherFunctions.keys()) {
      const [entry = '', name = ''] = called.split(' ')
      expect(typeof (await exportsOf(readModules()[entry]))[name], called).toBe('function')
    }
  })

  for (const [entry, calls] of Object.entries(publicCalls)) {
    for (const [name, call] of Object.entries(calls)) {
      it(`of ${entry} ${name} give an error that names the fault`, async () => {
        const [exported = ''] = name.split(/[ .]/)
        const known = (await exportsOf(readModules()[entry]))[exported] as AnyFunction
        expect(typeof known).toBe('function')
        expect(await faultsOf(call, call.call ?? known)).toEqual([])
      })
    }
  }
})

async function faultsOf({ args, free, errors = [] }: PublicCall, call: AnyFunction): Promise<readonly string[]> {
  const expected = [ArgumentError, MalformedError, ...errors]
  const faults: string[] = []
  // A fault of the valid call would hide the faults below.
  if (await errorOf(call, args)) faults.push('the call that should be in order')
  for (const { name, value, replace } of placesIn(args)) {
    for (const [what, other] of wrong) {
      const error = await errorOf(call, replace(other))
      const isOurs = expected.some((one) => error instanceof one)
      const isFine =
        error === undefined ? free?.test(name) === true || canStandFor(other, value) : isOurs && isClear(error)
      if (!isFine) faults.push(`${name} = ${what}: ${error === undefined ? 'taken' : String(error)}`)
    }
  }
  return faults
}

async function errorOf(call: AnyFunction, args: readonly unknown[]): Promise<unknown> {
  try {
    await call(...(args as never[]))
    return undefined
  } catch (error) {
    return error
  }
}

/**
 * Whether a place may accept this value. A bound accepts only numbers, a name strings, a callback functions, and a list
 * iterable values. An accepted wrong value would do harm later.
 */
function canStandFor(other: unknown, value: unknown): boolean {
  if (other === undefined || other === null) return true
  if (typeof value === 'number') return typeof other === 'number' && !Number.isNaN(other)
  if (typeof value === 'string' || typeof value === 'function') return typeof other === typeof value
  return !Array.isArray(value) || Array.isArray(other) || other instanceof Map
}

/** Whether a message describes the fault, and is not a text of the platform. */
function isClear(error: unknown): boolean {
  const { message } = error as ProcuraError
  return message !== '' && !/\[object|undefined is|is not a function|cannot read/i.test(message)
}

function* placesIn(args: readonly unknown[]): Generator<Place> {
  yield* placesWithin(args, '', (changed) => changed as readonly unknown[])
}

function* placesWithin(holder: unknown, path: string, put: Place['replace']): Generator<Place> {
  if (typeof holder !== 'object' || holder === null || Object.isFrozen(holder)) return
  if (!Array.isArray(holder) && Object.getPrototypeOf(holder) !== Object.prototype) return
  for (const [key, value] of Object.entries(holder)) {
    const name = Array.isArray(holder) ? `${path}[${key}]` : `${path}.${key}`
    const replace = (other: unknown): readonly unknown[] =>
      put(Array.isArray(holder) ? holder.with(Number(key), other) : { ...holder, [key]: other })
    yield { name, value, replace }
    yield* placesWithin(value, name, replace)
  }
}

async function exportsOf(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  return (await import(`${root}${file}`)) as Readonly<Record<string, unknown>>
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(String(value))
}
