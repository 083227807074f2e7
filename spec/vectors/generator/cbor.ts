/**
 * A writer of CBOR that writes any input, canonical or not. It makes the hostile vectors, which a strict encoder would
 * refuse.
 *
 * @module
 */

/** An item that is written unchanged. */
export interface Raw {
  readonly [rawItem]: Uint8Array
}

/** The input of the writer: plain values are written canonically, raw items unchanged. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Raw
  | readonly Value[]
  | { readonly [key: string]: Value }

/** Takes an item that is encoded already: hexadecimal digits, with spaces for the eye, or bytes. */
export function raw(...parts: readonly (string | Uint8Array)[]): Raw {
  return { [rawItem]: concat(parts.map((part) => (typeof part === 'string' ? fromHex(part) : part))) }
}

/** Encodes a value. Keys of maps are put into canonical order, numbers with a fraction become floats of 64 bits. */
export function encode(value: Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6)
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'number') return encodeNumber(value)
  if (typeof value === 'string') return encodeString(3, utf8(value))
  if (value instanceof Uint8Array) return encodeString(2, value)
  if (isList(value)) return concat([head(4, value.length), ...value.map(encode)])
  if (isRaw(value)) return value[rawItem]
  const entries = Object.entries(value).map(([key, inner]): [Uint8Array, Uint8Array] => [encode(key), encode(inner)])
  return concat([head(5, entries.length), ...entries.sort(([a], [b]) => compare(a, b)).flat()])
}

/** A map with its entries in the order given, whatever that is. */
export function mapInOrder(entries: readonly (readonly [Value, Value])[]): Raw {
  return raw(head(5, entries.length), ...entries.flatMap(([key, value]) => [encode(key), encode(value)]))
}

/** A link: tag 42 over the bytes of a CID. */
export function link(cid: Uint8Array): Raw {
  return raw('d82a', encode(concat([Uint8Array.of(0), cid])))
}

/** A float of 64 bits, also for a whole number. */
export function float(value: number): Raw {
  const bytes = new Uint8Array(9)
  bytes[0] = 0xfb
  new DataView(bytes.buffer).setFloat64(1, value)
  return raw(bytes)
}

/**
 * The first bytes of an item: major type and number.
 *
 * @param width - bytes of the number after the first byte; the fewest that hold it when left out.
 */
export function head(major: number, count: number, width: 0 | 1 | 2 | 4 | 8 = widthOf(count)): Uint8Array {
  if (width === 0) return Uint8Array.of((major << 5) | count)
  const bytes = new Uint8Array(1 + width)
  bytes[0] = (major << 5) | (24 + Math.log2(width))
  let rest = count
  for (let at = width; at > 0; at--) {
    bytes[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return bytes
}

/** Joins bytes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Bytes of hexadecimal digits; spaces count for nothing. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(' ', '')
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  )
}

const rawItem: unique symbol = Symbol('raw item')

function isRaw(value: object): value is Raw {
  return rawItem in value
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function encodeNumber(value: number): Uint8Array {
  if (!Number.isInteger(value)) return encode(float(value))
  return value < 0 ? head(1, -1 - value) : head(0, value)
}

function encodeString(major: number, bytes: Uint8Array): Uint8Array {
  return concat([head(major, bytes.length), bytes])
}

function widthOf(count: number): 0 | 1 | 2 | 4 | 8 {
  if (count < 24) return 0
  if (count < 2 ** 8) return 1
  if (count < 2 ** 16) return 2
  return count < 2 ** 32 ? 4 : 8
}

/** Encoded keys in canonical order: the head contains the length, so this is the order of their bytes. */
function compare(a: Uint8Array, b: Uint8Array): number {
  for (const [at, byte] of a.entries()) {
    const difference = byte - (b[at] ?? -1)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
