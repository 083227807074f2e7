import { describe, expect, it } from 'vitest'
import { shortRuns } from '../property/runs.ts'
import { readModules, root } from '../setup/entries.ts'
import { fuzz } from './fuzz-properties.ts'
import { others, readers, readingObjects } from './readers.ts'

describe('a reader of foreign input returns, or throws a documented error', () => {
  fuzz(readers, shortRuns(80))
})

describe('the functions of the package', () => {
  it('have a reader with hostile input, or an exemption with a reason', async () => {
    const known = new Map<unknown, string>()
    // Functions that no entry point exports are `inside`.
    const named = new Set(readers.map(({ of }) => of.split(/[.,]/)[0]).filter((name) => !name?.startsWith('inside ')))
    const left = new Set(others.flatMap(([entry, , names]) => names.split(' ').map((name) => `${entry} ${name}`)))
    const missing: string[] = []
    const functions = await exported()
    // The same function of two entries is one.
    for (const [name, value] of functions) if (named.has(name) || left.has(name)) known.set(value, name)
    for (const [name, value] of functions) if (!known.has(value)) missing.push(name)
    for (const [name, object] of Object.entries(readingObjects)) {
      for (const method of methodsOf([name, object])) {
        if (!readers.some(({ of }) => of.split(',')[0] === method) && !left.has(method)) missing.push(method)
      }
    }
    expect(missing).toEqual([])
    // Exemptions of removed functions must be removed.
    const there = new Set([...functions.map(([name]) => name), ...Object.entries(readingObjects).flatMap(methodsOf)])
    expect([...named, ...left].filter((name) => !there.has(name as string))).toEqual([])
    expect([...left].filter((name) => named.has(name))).toEqual([])
  })
})

function methodsOf([name, object]: readonly [string, object]): readonly string[] {
  return Object.keys(object).map((key) => `${name}.${key}`)
}

/** Every function of every entry point, with its name as `entry name`, without classes. */
async function exported(): Promise<readonly (readonly [string, unknown])[]> {
  const entries = Object.entries(readModules())
  const found = await Promise.all(
    entries.map(async ([entry, file]) => {
      const exports = (await import(`${root}${file}`)) as Readonly<Record<string, unknown>>
      return Object.entries(exports).map(([name, value]) => [`${entry} ${name}`, value] as const)
    }),
  )
  return found.flat().filter(([, value]) => typeof value === 'function' && !/^class\b/.test(String(value)))
}
