import { isBytes, isPlainObject } from '../../ipld/value.ts'

/** Deeper than any value that is recorded: what is below is refused, or replaced by a hash. */
const maxLevels = 40

/**
 * Copies maps, lists and bytes at once, so that what is done with them later has nothing to do with what the caller
 * changes meanwhile. Other values stay as they are.
 *
 * @param known - the copies that were made: a value that stands in several places, or in itself, is copied once.
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
