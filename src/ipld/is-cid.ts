import type { CID } from 'multiformats/cid'
import { isPlainObject } from './plain-object.ts'

/**
 * Tells whether a value is a CID: one of this library's, or of another that shows itself as `multiformats` has it, an
 * instance of a class whose `/` is its `bytes`. A plain map that looks like one is none.
 */
export function isCid(value: unknown): value is CID {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isPlainObject(value)) return false
  const { bytes, '/': slash } = value as { readonly bytes?: unknown; readonly '/'?: unknown }
  return bytes instanceof Uint8Array && bytes === slash
}
