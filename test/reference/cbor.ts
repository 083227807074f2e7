/**
 * A second strict DAG-CBOR: decode with `@ipld/dag-cbor`, write the value again by hand, and demand the same bytes. A
 * JavaScript value does not show whether a whole number was an integer or a float on the wire. Where the received bytes
 * contain a float, a float is written, and its place is reported, because some fields must be integers.
 *
 * @module
 */
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { compareKeys } from './policy.ts'

/** A decoded value and the places (`/` joined keys) where a whole number was written as a float. */
export interface StrictValue {
  readonly value: unknown
  readonly wholeFloats: readonly string[]
}

/** A number to be written as a 64-bit float although it is whole. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** Decodes canonical DAG-CBOR; `undefined` for anything else, and for numbers beyond ±(2^53 - 1). */
export function decodeStrict(bytes: Uint8Array): StrictValue | undefined {
  let value: unknown
  try {
    value = dagCbor.decode(bytes)
  } catch {
    return undefined
  }
  const wholeFloats: string[] = []
  const again: number[] = []
  const write = (part: unknown, path: string): boolean => {
    if (hasForeignPrototype(part)) return false
    if (typeof part === 'number') {
      if (Math.abs(part) > Number.MAX_SAFE_INTEGER) return false
      const float = bytes[again.length] === 0xfb
      if (float && Number.isInteger(part)) wholeFloats.push(path)
      again.push(...(float ? floatBytes(part) : encodeScalar(part)))
      return true
    }
    if (Array.isArray(part)) {
      again.push(...head(4, part.length))
      return part.every((element, index) => write(element, `${path}/${index}`))
    }
    if (isPlainMap(part)) {
      const keys = Object.keys(part).sort(compareKeys)
      again.push(...head(5, keys.length))
      return keys.every((key) => {
        again.push(...encodeScalar(key))
        return write(part[key], `${path}/${key}`)
      })
    }
    if (typeof part === 'bigint' || part === undefined) return false
    again.push(...encodeScalar(part))
    return true
  }
  if (!write(value, '')) return undefined
  if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) return undefined
  return { value, wholeFloats }
}

// A key `__proto__` makes the decoder set what a map inherits; such a map can even pass for bytes or a list.
function hasForeignPrototype(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false
  const usual: unknown[] = [Object.prototype, Array.prototype, Uint8Array.prototype, Buffer.prototype, CID.prototype]
  return !usual.includes(Object.getPrototypeOf(part))
}

/** Bytes that are written unchanged, right or wrong. */
export class Raw {
  readonly bytes: Uint8Array

  constructor(hex: string) {
    this.bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
  }
}

/** Writes canonical DAG-CBOR; {@link Float} makes a float of a whole number, and {@link Raw} makes what it
 * likes. */
export function encodeCanonical(value: unknown): Uint8Array {
  return new Uint8Array(Buffer.concat(encodeParts(value)))
}

function encodeParts(value: unknown): Uint8Array[] {
  if (value instanceof Float) return [Uint8Array.from(floatBytes(value.value))]
  if (value instanceof Raw) return [value.bytes]
  if (Array.isArray(value)) return [Uint8Array.from(head(4, value.length)), ...value.map(encodeCanonical)]
  if (!isPlainMap(value)) return [encodeScalar(value)]
  const keys = Object.keys(value).sort(compareKeys)
  return [
    Uint8Array.from(head(5, keys.length)),
    ...keys.flatMap((key) => [encodeScalar(key), encodeCanonical(value[key])]),
  ]
}

/** The first bytes of an item: its major type and a number in the shortest form. */
export function head(major: number, count: number): number[] {
  const type = major << 5
  if (count < 24) return [type | count]
  if (count < 0x100) return [type | 24, count]
  if (count < 0x1_0000) return [type | 25, count >> 8, count & 0xff]
  return [type | 26, (count >>> 24) & 0xff, (count >>> 16) & 0xff, (count >>> 8) & 0xff, count & 0xff]
}

function encodeScalar(value: unknown): Uint8Array {
  return dagCbor.encode(value)
}

function floatBytes(value: number): number[] {
  const view = new DataView(new ArrayBuffer(9))
  view.setUint8(0, 0xfb)
  view.setFloat64(1, value)
  return [...new Uint8Array(view.buffer)]
}

function isPlainMap(value: unknown): value is { readonly [key: string]: unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CID)
  )
}
