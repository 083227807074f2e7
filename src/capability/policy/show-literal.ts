import { type IpldMap, type IpldValue, isBytes, isList, isMap } from '../../ipld/value.ts'
import { quoteAll, withoutUserInfo } from '../../support/quote.ts'

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
