import type { Policy } from './statement.ts'

/**
 * Returns `parsed` when the value is the same: the same lists of the same strings, numbers and other plain values. Then
 * the value need not be parsed. Bytes, links and maps, which a literal can contain, are not compared.
 *
 * @param parsed - as `parsePolicy` returned it, so that it cannot change.
 */
export function samePolicy(value: unknown, parsed: Policy): Policy | undefined {
  return isSame(value, parsed) ? parsed : undefined
}

function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b)
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!isSame(a[i], b[i])) return false
  return true
}
