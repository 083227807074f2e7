/**
 * Maps and the values in them.
 *
 * @module
 */

import { compareKeys } from '../../ipld/equal.ts'
import { type IpldMap, type IpldValue, isList, isMap } from '../../ipld/value.ts'
import type { Evaluation } from './evaluation.ts'

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
