import type { Test } from './condition.ts'
import { passes } from './condition-holds.ts'
import { type Search, spend } from './search.ts'

/** The largest number of a call; DAG-CBOR has no other numbers beyond it. */
const largest = Number.MAX_SAFE_INTEGER

/** Finds a number that passes the tests, if there is one. Tests of elements are not passed by a number. */
export function findNumber(tests: readonly Test[], search: Search): number | undefined {
  const isFound = (value: number): boolean =>
    spend(search, 1 + (tests.length >> 4)) && tests.every((test) => passes(test, value, search))
  const bounds = tests.flatMap(boundsOf)
  // Readable numbers first. They prove nothing when they fail.
  const readable = [
    0,
    1,
    ...bounds.flatMap((bound) => [bound, Math.trunc(bound), Math.floor(bound) + 1, Math.ceil(bound) - 1]),
  ]
  const short = readable.find((value) => Math.abs(value) <= largest && isFound(value))
  if (short !== undefined) return short
  // The passing numbers are an interval without some single numbers, so one of the lowest numbers of it passes.
  let value = lowest(tests)
  for (let tries = 0; tries <= tests.length && value <= largest; tries++) {
    if (isFound(value)) return value
    value = nextUp(value)
  }
  return undefined
}

function boundsOf(test: Test): readonly number[] {
  if (test.kind === 'order') return [test.bound]
  return test.kind === 'equal' && typeof test.value === 'number' ? [test.value] : []
}

/** The lowest number that the lower bounds allow. */
function lowest(tests: readonly Test[]): number {
  let low = -largest
  for (const test of tests) {
    if (test.kind !== 'order') continue
    const isLower = test.operator.startsWith('>') === test.holds
    if (!isLower) continue
    const isInclusive = test.operator.length === 2 ? test.holds : !test.holds
    low = Math.max(low, isInclusive ? test.bound : nextUp(test.bound))
  }
  return low
}

/** The next larger number. */
function nextUp(value: number): number {
  if (value === 0) return Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n))
  return view.getFloat64(0)
}
