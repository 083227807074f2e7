/**
 * Writes canonical DAG-CBOR, and only what `decodeCbor` reads back as the same value.
 *
 * @module
 */

import { encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { ArgumentError, quote } from '../errors.ts'
import { parseCid } from './cid.ts'
import { defaultDecodeLimits } from './scanner.ts'
import type { IpldValue } from './value.ts'

/** A copy of the value, each part of it checked (CBR-24): what was checked is what is written, getters or not. */
type Copy = null | boolean | number | string | Uint8Array | CID | Copy[] | Map<string, Copy> | { [key: string]: Copy }

/** Where the walk is. */
interface Walk {
  readonly path: (string | number)[]
  items: number
}

const { depth: maxDepth, items: maxItems } = defaultDecodeLimits

/**
 * Encodes a value as canonical DAG-CBOR. `-0` is written as `0`. Of an object its own enumerable text keys are written.
 *
 * @param name - how messages call the value, for example `args`
 * @throws ArgumentError for what has no form on the wire: undefined, NaN, infinities, numbers beyond ±(2^53 - 1),
 * BigInt, functions, symbols, lone surrogates, `__proto__` as a key, instances of classes, cycles, more than 32 levels
 * or 8,192 items. The message names the place, as in `args.to[1]`.
 */
export function encodeCbor(value: IpldValue, name = 'value'): Uint8Array {
  // CBR-23: what a reader would refuse, or read as something else, is refused before it is signed.
  const bytes: Uint8Array = encode(copy(value, { path: [name], items: 0 }))
  // On Node.js the encoder gives a Buffer, whose `slice` shares memory that other buffers share too.
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes)
}

function copy(value: unknown, walk: Walk): Copy {
  if (++walk.items > maxItems) throw unwritable(walk, `holds more than ${maxItems} items`)
  switch (typeof value) {
    case 'boolean':
      return value
    case 'number':
      return copyNumber(value, walk)
    case 'string':
      return copyText(value, walk)
    case 'object':
      return value === null ? null : copyObject(value, walk)
    default:
      throw unwritable(walk, `is of type ${typeof value}, which has no form on the wire`)
  }
}

function copyNumber(value: number, walk: Walk): number {
  if (!Number.isFinite(value)) throw unwritable(walk, 'is not a finite number')
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) throw unwritable(walk, 'is beyond 2^53 - 1; write it as text')
  return value
}

function copyText(value: string, walk: Walk): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0xd800 || code > 0xdfff) continue
    const next = value.charCodeAt(i + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) throw unwritable(walk, 'holds a lone surrogate')
    i++
  }
  return value
}

function copyObject(value: object, walk: Walk): Copy {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  // The path has one part for each list or map that is open, and one for the name of the whole.
  if (walk.path.length > maxDepth && !isLink(value)) throw unwritable(walk, `is more than ${maxDepth} levels deep`)
  if (Array.isArray(value)) return copyList(value, walk)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return copyMap(value as { [key: string]: unknown }, walk)
  if (isLink(value)) return copyLink(value, walk)
  throw unwritable(walk, 'is an instance of a class; only plain objects, arrays, Uint8Array and CID can be written')
}

function copyList(list: readonly unknown[], walk: Walk): Copy[] {
  const copies: Copy[] = []
  for (let i = 0; i < list.length; i++) copies.push(copyAt(i, list[i], walk))
  return copies
}

function copyMap(map: { readonly [key: string]: unknown }, walk: Walk): Copy {
  const copies = Object.create(null) as { [key: string]: Copy }
  for (const key of Object.keys(map)) {
    if (key === '__proto__') throw unwritable(walk, 'has the key `__proto__`')
    walk.items++
    copyText(key, walk)
    copies[key] = copyAt(key, map[key], walk)
  }
  return looksLikeLink(copies) ? asMap(copies, walk) : copies
}

function copyAt(key: string | number, value: unknown, walk: Walk): Copy {
  walk.path.push(key)
  const copied = copy(value, walk)
  walk.path.pop()
  return copied
}

/** Another copy of the library that made the CID counts too; its bytes are read anew. */
function copyLink({ bytes }: { readonly bytes: Uint8Array }, walk: Walk): CID {
  try {
    return parseCid(bytes)
  } catch (cause) {
    throw unwritable(walk, 'is not a valid CID', cause)
  }
}

/** How an instance of a CID class shows itself (multiformats, `CID.asCID`). */
function isLink(value: object): value is { readonly bytes: Uint8Array } {
  const { bytes, '/': slash } = value as { readonly bytes?: unknown; readonly '/'?: unknown }
  return bytes instanceof Uint8Array && bytes === slash && !isPlain(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** The encoder takes any object whose `/` is its `bytes` for a link. */
function looksLikeLink(map: { readonly [key: string]: Copy }): boolean {
  return map['/'] !== undefined && map['/'] !== null && map['/'] === map['bytes']
}

/** As a `Map` it is safe from that, but the encoder takes no empty key in one. */
function asMap(map: { readonly [key: string]: Copy }, walk: Walk): Map<string, Copy> {
  if (Object.hasOwn(map, '')) throw unwritable(walk, 'has an empty key, and `/` and `bytes` of the same value')
  return new Map(Object.entries(map))
}

function unwritable({ path }: Walk, why: string, cause?: unknown): ArgumentError {
  const [name, ...keys] = path
  const place = keys.reduce<string>((text, key) => text + step(key), String(name))
  return new ArgumentError(`${quote(place, 128)} ${why}`, cause === undefined ? undefined : { cause })
}

/** `.to`, `[1]` or `["other key"]`. */
function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
