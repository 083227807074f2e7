/**
 * Values that satisfy conditions without a choice.
 *
 * @module
 */

import type { IpldValue } from '../../ipld/value.ts'
import type { PlaceCondition, Test } from './condition.ts'
import { conditionHolds, passes } from './condition-holds.ts'
import type { Demands, Solver } from './demands.ts'
import { findBytes } from './find-bytes.ts'
import { findList, findMap } from './find-collection.ts'
import { findNumber } from './find-number.ts'
import { findText } from './find-text.ts'
import { type Search, spend } from './search.ts'

/** Finds a value that satisfies the conditions. Undefined if there is none, or if `search.gaveUp` was set. */
export function valueWith(all: readonly PlaceCondition[], search: Search, solver: Solver): IpldValue | undefined {
  if (!spend(search, 1 + all.length)) return undefined
  const tests: Test[] = []
  const inner: PlaceCondition[] = []
  for (const condition of all) {
    if (condition.path.length > 0) inner.push(condition)
    else if (condition.kind === 'at') tests.push(condition.test)
    else return undefined
  }
  const equal = tests.find((test) => test.kind === 'equal' && test.holds)
  if (equal?.kind === 'equal') {
    return all.every((condition) => conditionHolds(condition, equal.value, search)) ? equal.value : undefined
  }
  const amount = amountFor(all, tests, search)
  if (amount !== undefined) return amount
  const demands: Demands = { all, tests, inner }
  for (const find of findersFor(demands)) {
    const value = find(demands, search, solver)
    if (value === undefined) continue
    if (tests.every((test) => test.kind !== 'amount' || passes(test, value, search))) return value
    search.gaveUp ??= 'an amount of `limit/sum` is compared with other conditions'
  }
  return undefined
}

/** An amount that satisfies the conditions. Other amounts may satisfy them if none of these does. */
function amountFor(all: readonly PlaceCondition[], tests: readonly Test[], search: Search): IpldValue | undefined {
  const maxima = tests.flatMap((test) => (test.kind === 'amount' && test.holds ? [test.maximum] : []))
  if (maxima.length === 0) return undefined
  if (!spend(search, (maxima.length * all.length) >> 2)) return undefined
  const samples = [...maxima, ...maxima.map(Number).filter(Number.isInteger), '1', 1, 0, '0']
  const found = samples.find((value) => all.every((condition) => conditionHolds(condition, value, search)))
  if (found === undefined) search.gaveUp ??= 'an amount of `limit/sum` is compared with other conditions'
  return found
}

type Finder = (demands: Demands, search: Search, solver: Solver) => IpldValue | undefined

/** The kinds of values that can pass, the readable ones first. */
function findersFor({ tests, inner }: Demands): readonly Finder[] {
  if (inner.some(({ kind, path }) => kind === 'at' && typeof path[0] === 'string')) return [findMap]
  if (inner.some(({ kind }) => kind === 'at')) return [findList, findBytes]
  if (tests.some((test) => test.kind === 'map')) return [findMap]
  const text: Finder = (demands, search) => findText(demands.tests, search)
  const number: Finder = (demands, search) => findNumber(demands.tests, search)
  const isAboutNumbers = tests.some(
    (test) => test.kind === 'order' || (test.kind === 'equal' && typeof test.value === 'number'),
  )
  const isAboutText = tests.some(
    (test) => test.kind === 'like' || (test.kind === 'equal' && typeof test.value === 'string'),
  )
  const simple = isAboutNumbers && !isAboutText ? [number, text] : [text, number]
  return [...simple, findConstant, findList, findMap, findBytes, noticeLink]
}

function findConstant({ tests }: Demands, search: Search): IpldValue | undefined {
  return [null, true, false].find((value) => tests.every((test) => passes(test, value, search)))
}

/** Links are the only kind of value that is not made here. */
function noticeLink({ tests }: Demands, search: Search): undefined {
  // A link is neither a map nor anything else that a test can require.
  const isPossible = tests.every((test) => (test.kind === 'equal' && !test.holds) || passes(test, null, search))
  if (isPossible) search.gaveUp ??= 'only a link could satisfy the conditions'
}
