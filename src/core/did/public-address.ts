/**
 * Distinguishes addresses on the public Internet from local ones.
 *
 * @module
 */

/**
 * Whether a host name can be public, by its form alone: it contains a dot, and does not end in a name that is reserved
 * for local networks (RFC 6761, RFC 6762, RFC 8375) or usual inside companies and clouds.
 */
export function isPublicName(host: string): boolean {
  const labels = host.split('.')
  return labels.length > 1 && !localNames.includes(labels.at(-1) ?? '')
}

/**
 * Whether an IP address is public. Returns false for text that is not an IP address.
 *
 * @param address - as a DNS resolver returns it: `93.184.215.14`, `2606:2800:21f::1`, `::ffff:10.0.0.1`.
 */
export function isPublicAddress(address: string): boolean {
  if (typeof address !== 'string') return false
  const v4 = address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  const bytes = v4.split('.').map((part) => (/^(?:0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256))
  if (bytes.length > 1) {
    const [a = 256, b = 256, c = 256] = bytes
    return bytes.length === 4 && bytes.every((byte) => byte < 256) && !privateV4.some((is) => is(a, b, c))
  }
  const parts = address.split(':')
  if (!parts.every((part) => /^[0-9a-fA-F]{0,4}$/.test(part))) return false
  const [first, second] = parts.map((part) => Number.parseInt(part || '0', 16))
  // Only 2000::/3 is routed (RFC 4291). In it, 2001::/23 and 2002::/16 contain other addresses, and two blocks are for
  // examples.
  return (
    parts.length >= 3 &&
    first !== undefined &&
    first >= 0x2000 &&
    first <= 0x3ffe &&
    first !== 0x2002 &&
    !(first === 0x2001 && second !== undefined && (second < 0x200 || second === 0xdb8))
  )
}

/** Last labels of names that are not public. */
const localNames: readonly string[] = Object.freeze([
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'arpa',
  'onion',
  'test',
  'invalid',
])

/** The IANA special-purpose blocks of IPv4 that are not globally reachable, and multicast. */
const privateV4: readonly ((a: number, b: number, c: number) => boolean)[] = Object.freeze([
  (a) => a === 0 || a === 10 || a === 127 || a >= 224,
  (a, b) => a === 100 && b >= 64 && b < 128,
  (a, b) => a === 169 && b === 254,
  (a, b) => a === 172 && b >= 16 && b < 32,
  (a, b) => a === 192 && b === 168,
  (a, b, c) => a === 192 && b === 0 && (c === 0 || c === 2),
  (a, b, c) => a === 192 && b === 88 && c === 99,
  (a, b) => a === 198 && (b === 18 || b === 19),
  (a, b, c) => a === 198 && b === 51 && c === 100,
  (a, b, c) => a === 203 && b === 0 && c === 113,
])
