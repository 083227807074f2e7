/**
 * Maps and the values in them.
 *
 * @module
 */

import { compareKeys } from '../../ipld/key-order.ts'
import { type IpldMap, type IpldValue, isList, isMap } from '../../ipld/value.ts'
import type { Evaluation } from './evaluation.ts'

/**
 * The values of a map in canonical key order: shorter keys first, then bytewise. Each value costs a step each time. The
 * keys are sorted once per evaluation, because the cost of a comparison grows with the length of the keys.
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
  // Decoded keys are in this order already, except that JavaScript puts integer-like keys first.
  return Object.keys(map)
    .sort(compareKeys)
    .map((key) => map[key] ?? null)
}
