/**
 * Every public function that takes options refuses a name that it does not know: a function that is added without a
 * place in `option-calls.ts` fails here.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { isPublic, readModules, root } from '../setup/entries.ts'
import { optionCalls, withoutOptions } from './option-calls.ts'
import { errorWith, refusalOf } from './refusal-of.ts'

const files = readModules()
const entries = Object.entries(files).filter(([entry]) => isPublic(entry))

describe('names of options', () => {
  it('TOK-26 are tried on every function that an entry point exports', async () => {
    const wrong: string[] = []
    const seen = new Set<unknown>()
    for (const [entry, file] of entries) {
      for (const [name, value] of Object.entries(await exportsOf(file))) {
        if (typeof value !== 'function' || isClass(value) || seen.has(value)) continue
        seen.add(value)
        const takes = Object.hasOwn(optionCalls[entry] ?? {}, name) || hasPart(entry, name)
        if (takes === withoutOptions.has(`${entry} ${name}`)) wrong.push(`${entry} ${name}`)
        if (!takes && entry !== 'format' && takesOptions(value)) wrong.push(`${entry} ${name} takes options`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('are left out only for functions that there are', async () => {
    for (const called of withoutOptions) {
      const [entry = '', name = ''] = called.split(' ')
      expect(typeof (await exportsOf(files[entry]))[name], called).toBe('function')
    }
  })

  for (const [entry, calls] of Object.entries(optionCalls)) {
    for (const [name, given] of Object.entries(calls)) {
      it(`TOK-26 of ${entry} ${name} are refused when they are misspelled`, async () => {
        const { known } = await refusalOf(entry, name, given, 'zzz')
        expect(known.length).toBeGreaterThan(0)
        for (const option of known) {
          const { message } = await refusalOf(entry, name, given, `${option}x`)
          expect.soft(message).toContain(`did you mean \`${option}\`?`)
        }
      })

      it(`TOK-27 of ${entry} ${name} are refused when they are present without a value`, async () => {
        const { known } = await refusalOf(entry, name, given, 'zzz')
        for (const option of known) {
          for (const value of [undefined, null]) {
            if (mayBeEmpty(name, option, value)) continue
            const { message } = await errorWith(entry, name, given, { [option]: value })
            expect.soft(message).toContain(`\`${option}\``)
          }
        }
      })
    }
  }
})

/**
 * A signal that a caller may have can be undefined, and so can the fields of a request, as for `fetch` of the platform.
 * A few required options are reported where they are used, with an example. `verifyReceipt` compares a value that is
 * null, and refuses undefined by itself (RCP-09); the last checkpoint of a log may be unknown.
 */
function mayBeEmpty(place: string, option: string, value: unknown): boolean {
  return (
    (option === 'signal' && value === undefined) ||
    place === 'createGuard fetch' ||
    (place === 'verifyReceipt' && option === 'value') ||
    (place === 'withCheckpoints' && option === 'last' && value === undefined) ||
    (place === 'createAuthorizer commands[0]' && ['command', 'args'].includes(option)) ||
    ['createGuard audit', 'createService audit'].includes(`${place} ${option}`) ||
    (place.startsWith('createVault ') && option === 'authorization')
  )
}

function hasPart(entry: string, name: string): boolean {
  return Object.keys(optionCalls[entry] ?? {}).some((called) => called.startsWith(`${name} `))
}

/** Whether a parameter has a name of options, so that its function is not listed as one without options. */
function takesOptions(value: unknown): boolean {
  const [parameters = ''] = String(value).split(/\)\s*(?:\{|=>)/)
  return /\b(?:options|parameters|settings|draft)\b/.test(parameters)
}

async function exportsOf(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  return (await import(`${root}${file}`)) as Readonly<Record<string, unknown>>
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(String(value))
}
