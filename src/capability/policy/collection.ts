/**
 * Maps and the values in them.
 *
 * @module
 */

import { compareKeys } from '../../ipld/equal.ts'
import { isPlainObject } from '../../ipld/plain-object.ts'
import { type IpldMap, type IpldValue, isList } from '../../ipld/value.ts'
import type { Evaluation } from './evaluation.ts'

/** Tells whether a value is a map: an object that is no list, no bytes and no link, so of no class. */
export function isMap(value: IpldValue): value is IpldMap {
  return isPlainObject(value)
}

/**
 * The values of a map in canonical key order: shorter keys first, then bytewise. Each costs a step each time; the keys
 * are put in order once for an evaluation, as comparing them costs by their length, which no step pays for.
 */
export function mapValues(map: IpldMap, evaluation: Evaluation): readonly IpldValue[] {
  evaluation.ordered ??= new Map()
  const values = evaluation.ordered.get(map) ?? inOrder(map)
  evaluation.ordered.set(map, values)
  evaluation.remaining -= values.length
  return values
}

/** The elements of a list or the values of a map; undefined for anything else. */
export function elementsOf(value: IpldValue, evaluation: Evaluation): readonly IpldValue[] | undefined {
  if (isList(value)) return value
  return isMap(value) ? mapValues(value, evaluation) : undefined
}

function inOrder(map: IpldMap): readonly IpldValue[] {
  // Decoded keys stand in this order but for the ones that look like numbers, which the host puts first.
  return Object.keys(map)
    .sort(compareKeys)
    .map((key) => map[key] ?? null)
}
