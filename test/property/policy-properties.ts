/**
 * Properties of the policy language, for a number of runs: few in `npm test`, many in `npm run test:long`.
 *
 * @module
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileGlob } from '../../src/core/capability/policy/glob.ts'
import { printSelector } from '../../src/core/capability/policy/print-selector.ts'
import { parseSelector } from '../../src/core/capability/policy/selector.ts'
import { MalformedError } from '../../src/errors.ts'
import { evaluatePolicy, globMatches, parseSelector as parseReferenceSelector } from '../reference/policy.ts'
import { texts } from './ipld-arbitrary.ts'
import { goodPolicyCases, policyCases, selectorTexts } from './policy-arbitrary.ts'
import { expectSameAnswer, libraryAnswer, type PolicyAnswer } from './policy-differential.ts'
import type { Runs } from './runs.ts'

/** The library and the reference give the same answer to every policy. */
export function policyDifferential({ numRuns, seed, title }: Runs): void {
  it(`P1 policy: library and reference agree (${title})`, () => {
    const seen = new Map<PolicyAnswer, number>()
    fc.assert(
      fc.property(policyCases, (one) => {
        const answer = expectSameAnswer(one)
        seen.set(answer, (seen.get(answer) ?? 0) + 1)
      }),
      { numRuns, seed },
    )
    // The agreement is worth something only when every answer was there to disagree about.
    for (const answer of [true, false, 'unresolved', 'malformed'] as const) {
      expect(seen.get(answer) ?? 0, String(answer)).toBeGreaterThan(numRuns / 20)
    }
  })
}

/** Another statement never makes a policy allow more. */
export function policyMonotone({ numRuns, seed, title }: Runs): void {
  it(`P2 policy: a longer policy never allows what the shorter refuses (${title})`, () => {
    fc.assert(
      fc.property(goodPolicyCases, fc.nat(3), ({ policy, args }, drop) => {
        const statements = policy as readonly unknown[]
        const shorter = statements.filter((_, index) => index !== drop % Math.max(statements.length, 1))
        if (expectSameAnswer({ policy, args }) === true) expect(expectSameAnswer({ policy: shorter, args })).toBe(true)
      }),
      { numRuns, seed },
    )
  })
}

/** The linear glob matcher and the quadratic table agree. */
export function globDifferential({ numRuns, seed, title }: Runs): void {
  it(`P13 glob: library and reference agree (${title})`, () => {
    const alike = fc.string({ unit: fc.constantFrom('a', 'b', '*', '\\'), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(alike, texts), fc.oneof(alike, texts), (pattern, text) => {
        expect(compileGlob(pattern)(text)).toBe(globMatches(pattern, text))
      }),
      { numRuns, seed },
    )
  })
}

/** Both selector parsers read the same text, and the printed selector is parsed into the same one. */
export function selectorDifferential({ numRuns, seed, title }: Runs): void {
  it(`P13 selector: parsed alike, printed and parsed again alike (${title})`, () => {
    fc.assert(
      fc.property(selectorTexts, (text) => {
        const reference = parseReferenceSelector(text)
        let selector: ReturnType<typeof parseSelector>
        try {
          selector = parseSelector(text)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
          expect(reference).toBeUndefined()
          return
        }
        expect(selector.map(plain)).toEqual(reference?.map(plain))
        const printed = printSelector(selector)
        expect(parseSelector(printed)).toEqual(selector)
        expect(printSelector(parseSelector(printed))).toBe(printed)
      }),
      { numRuns, seed },
    )
  })
}

// Absent and undefined are the same to both.
function plain(segment: object): object {
  return Object.fromEntries(Object.entries(segment).filter(([, value]) => value !== undefined))
}

/** A policy always ends, in an answer of its own when it would take too long. */
export function policyBudget({ numRuns, seed, title }: Runs): void {
  it(`P12 policy: every evaluation ends within its budget, and fails beyond it [attack 50] (${title})`, () => {
    let over = 0
    const sizes = fc.tuple(fc.nat(80), fc.nat(80), fc.nat(40))
    const quantifiers = fc.array(fc.constantFrom('all', 'any'), { minLength: 2, maxLength: 2 })
    fc.assert(
      fc.property(
        sizes,
        quantifiers,
        fc.boolean(),
        fc.integer({ min: 0, max: 3 }),
        ([rows, columns, parts], [outer, inner], holds, nots) => {
          const { args, reads } = countedRows(rows, columns)
          // Holds, or fails, only at the very end: nothing is decided early.
          const part = outer === 'all' ? ['!=', '.', -1] : ['==', '.', -1]
          const innermost = ['and', new Array(parts).fill(holds ? part : ['!=', '.', -1])]
          let statement: unknown = [outer, '.a', [inner, '.', innermost]]
          for (let level = 0; level < nots; level++) statement = ['not', statement]
          const answer = libraryAnswer({ policy: [statement], args })
          if (answer === 'over_budget') {
            over += 1
            expect(rows * columns * (parts + 2)).toBeGreaterThan(30_000)
          } else expect(answer).toBe(evaluatePolicy([statement], { a: plainRows(rows, columns) }))
          // Evaluated over two kinds of map, and once more each to explain the fault.
          expect(reads.count).toBeLessThan(4 * 100_000)
        },
      ),
      { numRuns, seed },
    )
    expect(over).toBeGreaterThan(numRuns / 100)
  })
}

function plainRows(rows: number, columns: number): readonly (readonly number[])[] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, (_, column) => column))
}

// Lists that count how often an element of them is read.
function countedRows(
  rows: number,
  columns: number,
): { args: { readonly [key: string]: unknown }; reads: { count: number } } {
  const reads = { count: 0 }
  const counted = (list: readonly unknown[]): unknown =>
    new Proxy([...list], {
      get(target, key) {
        if (typeof key === 'string' && /^[0-9]+$/.test(key)) reads.count += 1
        return Reflect.get(target, key) as unknown
      },
    })
  return { args: { a: counted(plainRows(rows, columns).map(counted)) }, reads }
}
