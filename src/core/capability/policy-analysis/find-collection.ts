/**
 * Lists and maps that satisfy conditions.
 *
 * @module
 */

import { ipldEquals } from '../../ipld/equal.ts'
import { type IpldMap, type IpldValue, isList, isMap } from '../../ipld/value.ts'
import { at, type Condition, either, type PathKey, type PlaceCondition, sizeOf, type Test, under } from './condition.ts'
import type { Demands, Solver } from './demands.ts'
import { type Search, spend } from './search.ts'

/** Most elements of a list that is made. */
const maxLength = 64

/** Finds a map that satisfies the conditions: with the keys that they require, and others for `any`. */
export function findMap({ tests, inner }: Demands, search: Search, solver: Solver): IpldMap | undefined {
  const required = new Set(inner.flatMap(({ kind, path }) => (kind === 'at' ? path.slice(0, 1) : [])))
  if (![...required].every((key) => typeof key === 'string') || !tests.every(canBeCollection)) return undefined
  const every = tests.flatMap((test) => (test.kind === 'every' ? [test.condition] : []))
  const excluded = tests.flatMap((test) => (test.kind === 'equal' && isMap(test.value) ? [test.value] : []))
  if (
    !spend(
      search,
      excluded.reduce((sum, value) => sum + (Object.keys(value).length >> 2), 0),
    )
  )
    return undefined
  const newKey = keysBeside([...inner.map(({ path }) => path[0]), ...excluded.flatMap(Object.keys)])
  const map: { [key: string]: IpldValue } = Object.create(null)
  const put = (key: string, conditions: readonly Condition[]): boolean => {
    const value = solver.satisfy([...conditions, ...every], search)
    if (value !== undefined) map[key] = value
    return value !== undefined
  }
  for (const key of required) if (!put(key as string, within(inner, key as string))) return undefined
  for (const test of tests) if (test.kind === 'some' && !put(newKey(), [test.condition])) return undefined
  if (!excluded.some((value) => ipldEquals(value, map, search)) && spend(search, 0)) return map
  // Another key makes the map different from all that are excluded. Else one of its values has to differ.
  if (put(newKey(), [])) return map
  const keys = Object.keys(map)
  const alike = excluded.filter((value) => isWithKeys(value, keys))
  const others = tests.filter((test) => test.kind !== 'equal' || !isMap(test.value) || !isWithKeys(test.value, keys))
  return solver.satisfy(
    [
      ...inner,
      ...others.map((test) => at([], test)),
      at([], { kind: 'map' }),
      ...alike.map((value) => either(keys.map((key) => differsAt(key, value[key] as IpldValue)))),
    ],
    search,
  ) as IpldMap | undefined
}

/** Finds a list that satisfies the conditions. */
export function findList({ tests, inner }: Demands, search: Search, solver: Solver): readonly IpldValue[] | undefined {
  if (!tests.every((test) => canBeCollection(test) && test.kind !== 'map')) return undefined
  if (inner.some(({ kind, path }) => kind === 'at' && typeof path[0] === 'string')) return undefined
  const indexed = inner.filter(({ path }) => typeof path[0] === 'number')
  const lengths = indexed.map(({ path }) => (path[0] as number) + 1)
  const least = Math.max(0, ...indexed.flatMap(({ kind }, at) => (kind === 'at' ? [lengths[at] as number] : [])))
  const some = tests.filter((test) => test.kind === 'some')
  const excluded = tests.filter((test) => test.kind === 'equal' && isList(test.value))
  // The elements after all those with an index can be left out of a longer list, except one for each `any`, and so many
  // that the length is not that of an excluded list.
  const most = Math.max(0, ...lengths) + some.length + excluded.length
  const size = tests.reduce((sum, test) => sum + ('condition' in test ? sizeOf(test.condition) : 1), indexed.length)
  for (let length = least; length <= Math.min(most, maxLength); length++) {
    if (!spend(search, (length * size) >> 3)) return undefined
    const conditions = conditionsOf(length, tests, indexed)
    const list = solver.chooseFor(conditions, search, (places, state) => listOf(length, places, state, solver))
    if (list !== undefined) return list
    if (search.remaining < 0) return undefined
  }
  if (most > maxLength) search.gaveUp ??= `a list would need more than ${maxLength} elements`
  return undefined
}

/** The conditions on the elements of a list with that many. */
function conditionsOf(
  length: number,
  tests: readonly Test[],
  indexed: readonly PlaceCondition[],
): readonly Condition[] {
  const indexes = Array.from({ length }, (_, index) => index)
  const conditions: Condition[] = indexed.filter(({ path }) => (path[0] as number) < length)
  for (const test of tests) {
    if (test.kind === 'every') conditions.push(...indexes.map((index) => under(index, test.condition)))
    if (test.kind === 'some') conditions.push(either(indexes.map((index) => under(index, test.condition))))
    if (test.kind !== 'equal' || !isList(test.value) || test.value.length !== length) continue
    conditions.push(either(test.value.map((element, index) => differsAt(index, element))))
  }
  return conditions
}

function listOf(
  length: number,
  places: readonly PlaceCondition[],
  search: Search,
  solver: Solver,
): readonly IpldValue[] | undefined {
  const list: IpldValue[] = []
  for (let index = 0; index < length; index++) {
    const element = solver.satisfy(within(places, index), search)
    if (element === undefined) return undefined
    list.push(element)
  }
  return list
}

/** The conditions on the value under a key, seen from that value. */
function within(places: readonly PlaceCondition[], key: PathKey): readonly PlaceCondition[] {
  return places.filter(({ path }) => path[0] === key).map((place) => ({ ...place, path: place.path.slice(1) }))
}

function differsAt(key: PathKey, value: IpldValue): Condition {
  return at([key], { kind: 'equal', value, holds: false })
}

function isWithKeys(map: IpldMap, keys: readonly string[]): boolean {
  return Object.keys(map).length === keys.length && keys.every((key) => Object.hasOwn(map, key))
}

/** Whether some list or map passes a test. */
function canBeCollection(test: Test): boolean {
  const { kind } = test
  if (kind === 'every' || kind === 'some' || kind === 'map' || kind === 'present') return true
  return kind === 'collection' ? test.holds : !test.holds
}

/** Makes keys that differ from those that are taken. */
function keysBeside(taken: readonly (PathKey | undefined)[]): () => string {
  const used = new Set(taken)
  let count = 0
  return () => {
    do count++
    while (used.has(`key${count}`))
    return `key${count}`
  }
}
