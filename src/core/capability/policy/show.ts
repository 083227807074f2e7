/**
 * Values in messages. The length of a message is bounded, whatever the value.
 *
 * @module
 */

import { quote, quoteAll, withoutUserInfo } from '../../../support/quote.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList, isMap } from '../../ipld/value.ts'

/**
 * Writes a literal of a policy for people: as JSON, with bytes as `0x…` and links as their text. A text longer than
 * `maxShown` characters is cut, with the number of missing characters, because somebody may be asked to agree to it.
 */
export function showLiteral(value: IpldValue, maxShown = 200): string {
  return typeof value === 'number' ? String(value) : cut(write(value), maxShown)
}

/**
 * Writes a pattern for people, like {@link showLiteral} but without the quotation marks and escapes of JSON, and cut
 * after 64 characters.
 */
export function showPattern(pattern: string): string {
  return cut(withoutUserInfo(pattern), 64)
}

function cut(text: string, maxShown: number): string {
  if (text.length <= maxShown) return quoteAll(text, maxShown)
  return `${quoteAll(text.slice(0, maxShown), maxShown)} (and ${text.length - maxShown} more characters)`
}

function write(value: IpldValue): string {
  // Each string by itself: user information that spans two strings would hide the text between them.
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

/** Describes a value without its contents: numbers and booleans as they are, of any other value the kind and size. */
export function showSize(value: IpldValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return `a string of ${count(value.length, 'character')}`
  if (isBytes(value)) return count(value.length, 'byte')
  if (isList(value)) return `a list of ${count(value.length, 'element')}`
  return isMap(value) ? `a map of ${count(Object.keys(value).length, 'key')}` : 'a link'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** Writes strings up to 64 characters, and links, as they are; describes a larger value by its kind and size. */
export function showWhole(value: IpldValue): string {
  if (typeof value === 'string') return quote(value)
  return isCid(value) ? `the link ${quote(String(value))}` : showSize(value)
}

/** Names the kind of a value, and nothing else. */
export function showKind(value: IpldValue): string {
  if (value === null) return 'null'
  if (isBytes(value)) return 'bytes'
  if (isList(value)) return 'a list'
  if (isMap(value)) return 'a map'
  return typeof value === 'object' ? 'a link' : `a ${typeof value}`
}
