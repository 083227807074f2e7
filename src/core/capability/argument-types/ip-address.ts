import { type OptionCheck, readOptions } from '../../../support/options.ts'
import type { JsonSchema } from '../standard-schema.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'

/** Options of {@link ipAddress}. */
export interface IpAddressOptions {
  /** The allowed version. Default: both. */
  readonly version?: 4 | 6
}

/**
 * An IP address. Canonical form: version 4 as four decimal numbers without leading zeros; version 6 as in RFC 5952,
 * without a zone. Addresses of version 6 that represent one of version 4 (`::ffff:…`, NAT64, 6to4 and others, listed in
 * ARG-13) are refused, because they are a second text for the same host.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function ipAddress(options: IpAddressOptions = {}): ArgumentType<string> {
  const { version } = readOptions('ipAddress', options, { version: versionCheck })
  return argumentType((value) => {
    if (typeof value !== 'string') return 'is not a string'
    if (version !== 6 && isIpv4(value)) return undefined
    if (version !== 4 && isIpv6(value)) return undefined
    return 'is not an IP address in canonical form'
  }, addressSchema(version))
}

/** Version 4, version 6 or both. */
function addressSchema(version: 4 | 6 | undefined): JsonSchema {
  if (version !== undefined) return { type: 'string', format: `ipv${version}` }
  return { type: 'string', anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] }
}

const versionCheck: OptionCheck = (value) =>
  value === undefined || value === 4 || value === 6 ? undefined : 'must be 4 or 6'

/** Whether text is an address of version 4 in canonical form. */
export function isIpv4(text: string): boolean {
  // ARG-13
  if (text.length > 15) return false
  const parts = text.split('.')
  return (
    parts.length === 4 &&
    parts.every((part) => /^[0-9]{1,3}$/.test(part) && String(Number(part)) === part && Number(part) < 256)
  )
}

/** Whether text is an address of version 6 in canonical form, and does not represent one of version 4. */
export function isIpv6(text: string): boolean {
  if (text.length > 39) return false
  const groups = readGroups(text)
  if (groups === undefined || printGroups(groups) !== text) return false
  return !representsIpv4(groups)
}

/** Whether an address represents one of version 4, by RFC 4291, 6052, 7915, 8215, 3056, 4380 or 5214. */
function representsIpv4(groups: readonly number[]): boolean {
  const [a, b, c, d, e, f, g, h] = groups as readonly [number, number, number, number, number, number, number, number]
  // Teredo and 6to4
  if ((a === 0x2001 && b === 0) || a === 0x2002) return true
  // NAT64: the prefix for everybody, and the one for use within a network.
  if (a === 0x64 && b === 0xff9b) return c === 1 || (c | d | e | f) === 0
  // ISATAP
  if ((e & 0xfdff) === 0 && f === 0x5efe) return true
  if ((a | b | c | d) !== 0) return false
  if (e === 0xffff && f === 0) return true
  if (e !== 0) return false
  // Compatible addresses, but for `::` and `::1`
  return f === 0xffff || (f === 0 && (g !== 0 || h > 1))
}

/** The eight groups of an address, with `::` expanded. */
function readGroups(text: string): readonly number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [front, back] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - (front?.length ?? 0) - (back?.length ?? 0)
  if (back === undefined ? missing !== 0 : missing < 1) return undefined
  const parts = [...(front ?? []), ...Array<string>(back === undefined ? 0 : missing).fill('0'), ...(back ?? [])]
  if (!parts.every((part) => /^[0-9a-f]{1,4}$/.test(part))) return undefined
  return parts.map((part) => Number.parseInt(part, 16))
}

/** RFC 5952, section 4: no leading zeros, `::` for the longest run of two or more zeros, the first of equals. */
function printGroups(groups: readonly number[]): string {
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
  }
  const texts = groups.map((group) => group.toString(16))
  if (best.start < 0) return texts.join(':')
  return `${texts.slice(0, best.start).join(':')}::${texts.slice(best.start + best.length).join(':')}`
}
