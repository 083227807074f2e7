/**
 * Values shown to whoever may see them, and not at all. What is shown is bounded, whatever the value.
 *
 * @module
 */

import { type IpldValue, isBytes, isCid, isList, isMap } from '../../ipld/value.ts'
import { quote } from '../../support/quote.ts'
import { showValue } from './show-value.ts'

/** Says what a value is: text up to 64 characters and links as they are, of what is larger the kind and size. */
export function showWhole(value: IpldValue): string {
  if (typeof value === 'string') return quote(value)
  return isCid(value) ? `the link ${quote(String(value))}` : showValue(value)
}

/** Says of which kind a value is, and nothing else. */
export function showKind(value: IpldValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return 'text'
  if (isBytes(value)) return 'bytes'
  if (isList(value)) return 'a list'
  if (isMap(value)) return 'a map'
  return typeof value === 'object' ? 'a link' : `a ${typeof value}`
}
