import { isBytes, isPlainObject } from '../../ipld/value.ts'

/** Deeper than any recorded value: deeper values are refused, or replaced by a hash. */
const maxLevels = 40

/**
 * Copies maps, lists and bytes synchronously, so that later changes by the caller have no effect on the copy. Other
 * values are not copied.
 *
 * @param known - the copies so far: a value that occurs several times, or contains itself, is copied once.
 */
export function snapshot(value: unknown, known: Map<object, object> = new Map(), levels: number = maxLevels): unknown {
  if (typeof value !== 'object' || value === null || levels === 0) return value
  if (isBytes(value)) return value.slice()
  const before = known.get(value)
  if (before !== undefined) return before
  if (Array.isArray(value)) {
    const list: unknown[] = []
    known.set(value, list)
    for (const item of value) list.push(snapshot(item, known, levels - 1))
    return list
  }
  if (!isPlainObject(value)) return value
  const map = Object.create(null) as { [key: string]: unknown }
  known.set(value, map)
  for (const key of Object.keys(value)) map[key] = snapshot(value[key], known, levels - 1)
  return map
}
