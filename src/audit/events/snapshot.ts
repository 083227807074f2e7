import { isBytes, isPlainObject } from '../../core/ipld/value.ts'

/**
 * Copies maps, lists and bytes synchronously, so that later changes by the caller have no effect on the copy. Other
 * values are not copied. A map or list that occurs several times, or contains itself, is copied once.
 */
export function snapshot(value: unknown): unknown {
  const known = new Map<object, Container>()
  // A stack in place of recursion: the caller determines the depth.
  const unfinished: (readonly [source: Container, copy: Container])[] = []

  function begin(part: unknown): unknown {
    if (typeof part !== 'object' || part === null) return part
    if (isBytes(part)) return new Uint8Array(part)
    const before = known.get(part)
    if (before !== undefined) return before
    if (!Array.isArray(part) && !isPlainObject(part)) return part
    const copy: Container = Array.isArray(part) ? [] : Object.create(null)
    known.set(part, copy)
    unfinished.push([part as Container, copy])
    return copy
  }

  const whole = begin(value)
  for (let next = unfinished.pop(); next !== undefined; next = unfinished.pop()) {
    const [source, copy] = next
    if (Array.isArray(source) && Array.isArray(copy)) for (const item of source) copy.push(begin(item))
    else for (const key of Object.keys(source)) Reflect.set(copy, key, begin(Reflect.get(source, key)))
  }
  return whole
}

type Container = unknown[] | { [key: string]: unknown }
