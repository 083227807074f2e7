import { expect } from 'vitest'
import { ProcuraError } from '../../src/errors.ts'
import { readModules, root } from '../setup/entries.ts'
import { errorOf } from '../support/error-of.ts'
import type { OptionCall, OptionCalls } from './option-calls.ts'

const entries = readModules()
const codes = ['ERR_INVALID_ARGUMENT', 'ERR_VAULT_CONFIGURATION', 'ERR_AUDIT_CONFIGURATION']

/** The error of a call with this one option. */
export async function errorWith(
  entry: string,
  place: string,
  given: OptionCalls[string],
  options: object,
): Promise<ProcuraError> {
  const [exported = ''] = place.split(' ')
  const exports = (await import(`${root}${entries[entry]}`)) as Readonly<Record<string, unknown>>
  const make = exports[exported] as (...args: readonly unknown[]) => unknown
  expect(typeof make).toBe('function')
  const call: OptionCall = typeof given === 'function' ? given : (options) => make(...given, options)
  const error = await errorOf(() => call(options as never))
  expect(error, `${entry} ${place} ${Object.keys(options)}`).toBeInstanceOf(ProcuraError)
  const refusal = error as ProcuraError
  expect(codes).toContain(refusal.code)
  return refusal
}

/** The refusal of an unknown name, and the names that the message lists. */
export async function refusalOf(
  entry: string,
  place: string,
  given: OptionCalls[string],
  name: string,
): Promise<{ readonly message: string; readonly known: readonly string[] }> {
  const { message } = await errorWith(entry, place, given, { [name]: 1 })
  expect(message).toContain(`has no option \`${name}\``)
  const known = [...message.slice(message.indexOf('it has')).matchAll(/`([^`]+)`/g)].map(([, known]) => known as string)
  return { message, known }
}
