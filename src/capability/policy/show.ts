/**
 * Values in messages. The length of a message is bounded, whatever the value.
 *
 * @module
 */

import { type IpldMap, type IpldValue, isBytes, isCid, isList, isMap } from '../../ipld/value.ts'
import { quote, quoteAll, withoutUserInfo } from '../../support/quote.ts'

/**
 * Writes a literal of a policy for people: as JSON, with bytes as `0x…` and links as their text. What is longer than
 * `maxShown` characters is cut, and that is said, because somebody may be asked to agree to it.
 */
export function showLiteral(value: IpldValue, maxShown = 200): string {
  if (typeof value === 'number') return String(value)
  const text = write(value)
  if (text.length <= maxShown) return quoteAll(text, maxShown)
  return `${quoteAll(text.slice(0, maxShown), maxShown)} (and ${text.length - maxShown} more characters)`
}

function write(value: IpldValue): string {
  // Each string alone: user information that began in one string and ended in another would hide what is between them.
  if (typeof value === 'string') return JSON.stringify(withoutUserInfo(value))
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isBytes(value)) return `0x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  if (isList(value)) return `[${value.map(write).join(', ')}]`
  if (isMap(value)) return writeMap(value)
  return String(value)
}

function writeMap(map: IpldMap): string {
  return `{${Object.entries(map)
    .map(([key, value]) => `${write(key)}: ${write(value)}`)
    .join(', ')}}`
}

/** Says in a few words what a value is: numbers and booleans as they are, of anything else the kind and size. */
export function showValue(value: IpldValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return `text of ${count(value.length, 'character')}`
  if (isBytes(value)) return count(value.length, 'byte')
  if (isList(value)) return `a list of ${count(value.length, 'element')}`
  return isMap(value) ? `a map of ${count(Object.keys(value).length, 'key')}` : 'a link'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

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
