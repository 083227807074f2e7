/**
 * The canonical line of text of a record: keys in canonical order, no white space, printable ASCII only. So an argument
 * cannot end the line, move the cursor of a terminal or reverse the direction of the text.
 *
 * Bytes and links are written as DAG-JSON has them: `{"/":{"bytes":"…"}}` and `{"/":"…"}`.
 *
 * @module
 */

import { decodeBase58btc, decodeBase64url, encodeBase64url } from '../../core/ipld/base.ts'
import { maxCidBytes } from '../../core/ipld/cid.ts'
import { compareKeys } from '../../core/ipld/key-order.ts'
import { parseCid } from '../../core/ipld/parse-cid.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList } from '../../core/ipld/value.ts'
import { MalformedError } from '../../errors.ts'

/** Levels of maps and lists in a line. */
const maxDepth = 32

/** Writes a value. `-0` becomes `0`, as it does in DAG-CBOR. */
export function toCanonicalJson(value: IpldValue): string {
  if (typeof value === 'string') return jsonText(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isBytes(value)) return `{"/":{"bytes":"${encodeBase64url(value)}"}}`
  if (isCid(value)) return `{"/":"${value.toString()}"}`
  if (isList(value)) return `[${value.map(toCanonicalJson).join(',')}]`
  const map = value as IpldMap
  let text = ''
  for (const key of Object.keys(map).sort(compare)) {
    text += `${text === '' ? '' : ','}${jsonText(key)}:${toCanonicalJson(map[key] as IpldValue)}`
  }
  return `{${text}}`
}

/** The key order of DAG-CBOR, with a fast path for ASCII, which nearly all keys are. */
function compare(a: string, b: string): number {
  if (!isPrintableAscii(a) || !isPrintableAscii(b)) return compareKeys(a, b)
  return a.length - b.length || (a < b ? -1 : 1)
}

function isPrintableAscii(text: string): boolean {
  return /^[ -~]*$/.test(text)
}

/**
 * Reads a text of {@link toCanonicalJson}.
 *
 * @throws MalformedError LOG-05 for any other text, including another spelling of the same value.
 */
export function fromCanonicalJson(text: string): IpldValue {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new MalformedError('LOG-05', 'the line is not json', { cause })
  }
  const value = toIpld(parsed, 0)
  if (toCanonicalJson(value) !== text) throw new MalformedError('LOG-05', 'the line is not in canonical form')
  return value
}

/** Writes a string as JSON in printable ASCII. LOG-04 */
function jsonText(text: string): string {
  const quoted = JSON.stringify(text)
  if (isPrintableAscii(quoted)) return quoted
  let ascii = ''
  for (let i = 0; i < quoted.length; i++) {
    const code = quoted.charCodeAt(i)
    ascii += code >= 0x20 && code <= 0x7e ? quoted.charAt(i) : `\\u${code.toString(16).padStart(4, '0')}`
  }
  return ascii
}

function toIpld(value: unknown, depth: number): IpldValue {
  if (depth > maxDepth) throw new MalformedError('LOG-05', `the line is more than ${maxDepth} levels deep`)
  if (typeof value !== 'object' || value === null) return value as null | boolean | number | string
  if (Array.isArray(value)) return value.map((item) => toIpld(item, depth + 1))
  const source = value as { readonly [key: string]: unknown }
  const keys = Object.keys(source)
  if (keys.includes('/')) return leaf(source, keys)
  const map = Object.create(null) as { [key: string]: IpldValue }
  for (const key of keys) {
    if (key === '__proto__') throw new MalformedError('LOG-05', 'the line has the key `__proto__`')
    map[key] = toIpld(source[key], depth + 1)
  }
  return map
}

function leaf(source: { readonly [key: string]: unknown }, keys: readonly string[]): IpldValue {
  const inner = source['/']
  if (keys.length === 1 && typeof inner === 'string') {
    // A CID of version 0 has no prefix for its base.
    return parseCid(inner.startsWith('Qm') ? decodeBase58btc(inner, maxCidBytes) : inner)
  }
  if (keys.length === 1 && typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'bytes')) {
    const { bytes } = inner as { readonly bytes: unknown }
    if (typeof bytes === 'string' && Object.keys(inner).length === 1) return decodeBase64url(bytes)
  }
  throw new MalformedError('LOG-05', 'the line has a `/` that is neither bytes nor a link')
}
