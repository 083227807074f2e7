/**
 * The search for a value that satisfies conditions.
 *
 * @module
 */

import type { IpldValue } from '../../ipld/value.ts'
import type { Condition, PlaceCondition } from './condition.ts'
import type { Builder } from './demands.ts'
import { type Search, spend } from './search.ts'
import { valueWith } from './value-with.ts'

type Choice = Extract<Condition, { readonly kind: 'either' }>

/**
 * Finds a value that satisfies all conditions. Undefined if there is none, or if `search.gaveUp` was set.
 */
export function satisfy(conditions: readonly Condition[], search: Search): IpldValue | undefined {
  return chooseFor(conditions, search, (places, inner) => valueWith(places, inner, { satisfy, chooseFor }))
}

/** Tries the cases of the conditions in turn, with `build` for each, until one has a value. */
function chooseFor<Value>(conditions: readonly Condition[], search: Search, build: Builder<Value>): Value | undefined {
  const cases = flatten(conditions)
  if (cases === undefined) return undefined
  search.assumed ??= cases.assumed
  const choices = cases.choices.toSorted((a, b) => a.of.length - b.of.length)
  return choose(cases.places, choices, search, build)
}

function choose<Value>(
  places: readonly PlaceCondition[],
  choices: readonly Choice[],
  search: Search,
  build: Builder<Value>,
): Value | undefined {
  if (!spend(search, 1 + choices.length + (places.length >> 3))) return undefined
  const [first, ...others] = choices
  if (first === undefined) return build(places, search)
  for (const alternative of first.of) {
    const added = flatten([alternative])
    if (added === undefined) continue
    const all = [...places, ...added.places]
    if (added.places.length > 0 && isContradiction(all, added.places, search, build)) continue
    const before = search.assumed
    search.assumed ??= added.assumed
    const value = choose(all, [...added.choices, ...others], search, build)
    if (value !== undefined) return value
    search.assumed = before
    if (search.remaining < 0) return undefined
  }
  return undefined
}

/** Whether the conditions about the argument of the added ones have no value, which ends this case early. */
function isContradiction<Value>(
  all: readonly PlaceCondition[],
  added: readonly PlaceCondition[],
  search: Search,
  build: Builder<Value>,
): boolean {
  const keys = new Set(added.map(({ path }) => path[0]))
  const near = keys.has(undefined) ? all : all.filter(({ path }) => path[0] === undefined || keys.has(path[0]))
  const attempt: Search = { remaining: search.remaining, gaveUp: undefined, assumed: undefined }
  const value = build(near, attempt)
  spend(search, search.remaining - attempt.remaining)
  return value === undefined && attempt.gaveUp === undefined
}

interface Cases {
  readonly places: readonly PlaceCondition[]
  readonly choices: readonly Choice[]
  readonly assumed: string | undefined
}

/** Separates conditions from choices; undefined if one of them never holds. */
function flatten(conditions: readonly Condition[]): Cases | undefined {
  const places: PlaceCondition[] = []
  const choices: Choice[] = []
  let assumed: string | undefined
  const pending = conditions.toReversed()
  for (let condition = pending.pop(); condition !== undefined; condition = pending.pop()) {
    if (condition.kind === 'each') pending.push(...condition.of.toReversed())
    else if (condition.kind === 'opaque') assumed ??= condition.reason
    else if (condition.kind !== 'either') places.push(condition)
    else if (condition.of.length === 0) return undefined
    else if (condition.of.length === 1) pending.push(condition.of[0] as Condition)
    else choices.push(condition)
  }
  return { places, choices, assumed }
}
