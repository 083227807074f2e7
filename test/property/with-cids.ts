import { CID } from 'multiformats/cid'

/**
 * Values of the library, converted for the reference: the library has its own class for CIDs, and the reference knows
 * only the class of `multiformats`. Maps get a prototype, which nothing here depends on.
 */
export function withCids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withCids)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return CID.decode((value as CID).bytes)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withCids(inner)]))
}
