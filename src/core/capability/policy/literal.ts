import { MalformedError } from '../../../errors.ts'
import { type IpldValue, isCid, isPlainObject } from '../../ipld/value.ts'

/** Most levels of nesting in a literal: arguments cannot be deeper. */
const maxDepth = 32
/** Most values in a literal. */
const maxItems = 8192

/**
 * Copies the literal of a statement and freezes the copy, so that the compiled value is the one that is printed, signed
 * and evaluated. Bytes cannot be frozen, but nobody else has a reference to the copy.
 *
 * @throws MalformedError (`POL-07`) when the value is not an IPLD value, such as undefined, NaN, infinity, a bigint, an
 * instance of a class, or a value with a cycle.
 */
export function copyLiteral(value: unknown): IpldValue {
  return copy(value, 0, { items: 0 })
}

function copy(value: unknown, depth: number, count: { items: number }): IpldValue {
  if (++count.items > maxItems || depth > maxDepth) {
    throw new MalformedError(
      'POL-07',
      `the policy has a literal with more than ${maxDepth} levels or ${maxItems} values`,
      {
        kind: 'too_large',
      },
    )
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (isCid(value)) return value
  if (Array.isArray(value)) return Object.freeze(Array.from(value, (item) => copy(item, depth + 1, count)))
  if (isPlainObject(value)) return copyMap(value, depth, count)
  throw new MalformedError('POL-07', 'the policy has a literal that is not an IPLD value')
}

function copyMap(map: object, depth: number, count: { items: number }): IpldValue {
  const result: Record<string, IpldValue> = Object.create(null)
  for (const [key, value] of Object.entries(map)) {
    if (key === '__proto__') throw new MalformedError('POL-07', 'the policy has a literal with the key `__proto__`')
    result[key] = copy(value, depth + 1, count)
  }
  return Object.freeze(result)
}
