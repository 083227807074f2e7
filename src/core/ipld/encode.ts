/**
 * Writes canonical DAG-CBOR, and refuses values that `decodeCbor` would not read back as the same value.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import { isTokenCidAt, readCid } from './cid.ts'
import { compareKeys } from './key-order.ts'
import { type DecodeBounds, defaultDecodeBounds, major } from './scanner.ts'
import { type IpldValue, isPlainObject } from './value.ts'
import {
  createWriter,
  type Writer,
  writeByte,
  writeHead,
  writeNumber,
  writeRaw,
  writeText,
  writtenBytes,
} from './writer.ts'

/** A writer with its position in the value. */
interface Walk extends Writer {
  /** The name of the whole value in messages. */
  readonly name: string
  /** The first `depth` keys lead to the current value. */
  readonly path: (string | number)[]
  depth: number
  items: number
  /** Bounds on the value. */
  readonly most: Pick<DecodeBounds, 'depth' | 'items'>
}

/** Heads of fixed values, and the tag of a link. */
const falseHead = 0xf4
const trueHead = 0xf5
const nullHead = 0xf6
const linkTag = 42

/**
 * Encodes a value as canonical DAG-CBOR. `-0` is written as `0`. The keys of an object are its own enumerable string
 * keys.
 *
 * Each part is read once, checked and written (CBR-24), so a getter cannot return another value after the check.
 *
 * @param name - the name of the value in messages, for example `args`.
 * @param most - bounds on the value. Default: 32 levels and 8,192 items.
 * @param before - bytes to write before the value. Default: none.
 * @throws ArgumentError when a value cannot be written: undefined, NaN, infinities, numbers beyond ±(2^53 - 1), BigInt,
 * functions, symbols, lone surrogates, `__proto__` as a key, instances of classes, cycles, more levels or items than
 * the bounds. The message gives the path, as in `args.to[1]`.
 */
export function encodeCbor(
  value: IpldValue,
  name = 'value',
  most: Pick<DecodeBounds, 'depth' | 'items'> = defaultDecodeBounds,
  before?: Uint8Array,
): Uint8Array {
  const { bytes, length } = createWriter(before)
  const walk: Walk = { bytes, length, name, path: [], depth: 0, items: 0, most }
  write(value, walk)
  return writtenBytes(walk)
}

function write(value: unknown, walk: Walk): void {
  // CBR-23: A value that a reader would refuse, or read as another value, is refused before it is signed.
  if (++walk.items > walk.most.items) throw unwritable(walk, `has more than ${walk.most.items} items`)
  switch (typeof value) {
    case 'boolean':
      writeByte(walk, value ? trueHead : falseHead)
      break
    case 'number':
      if (!Number.isFinite(value)) throw unwritable(walk, 'is not a finite number')
      if (Math.abs(value) > Number.MAX_SAFE_INTEGER) throw unwritable(walk, 'is beyond 2^53 - 1; pass it as a string')
      writeNumber(walk, value)
      break
    case 'string':
      if (!writeText(walk, value)) throw unwritable(walk, 'contains a lone surrogate')
      break
    case 'object':
      if (value === null) writeByte(walk, nullHead)
      else writeObject(value, walk)
      break
    default:
      throw unwritable(walk, `is of type ${typeof value}, which is not supported`)
  }
}

function writeObject(value: object, walk: Walk): void {
  if (value instanceof Uint8Array) writeBytes(value, walk)
  else if (Array.isArray(value)) writeList(value, walk)
  else if (isPlainObject(value)) writeMap(value, walk)
  else writeInstance(value, walk)
}

/** Writes a CID, also of another copy of `multiformats`: an instance whose `/` is its `bytes` (see `CID.asCID`). */
function writeInstance(value: { readonly bytes?: unknown; readonly '/'?: unknown }, walk: Walk): void {
  const { bytes, '/': slash } = value
  if (!(bytes instanceof Uint8Array) || bytes !== slash) {
    throw unwritable(walk, 'is an instance of a class; pass a plain object, an array, a Uint8Array or a CID')
  }
  writeLink(bytes, walk)
}

function writeBytes(value: Uint8Array, walk: Walk): void {
  // A copy has a correct length, whatever the class of the original.
  const bytes = new Uint8Array(value)
  writeHead(walk, major.bytes, bytes.length)
  writeRaw(walk, bytes)
}

function writeList(list: readonly unknown[], walk: Walk): void {
  const { length } = list
  enter(walk)
  writeHead(walk, major.list, length)
  for (let i = 0; i < length; i++) writeAt(i, list[i], walk)
  walk.depth--
}

function writeMap(map: { readonly [key: string]: unknown }, walk: Walk): void {
  // The canonical order, which the reader requires.
  const keys = Object.keys(map)
  if (!areSorted(keys)) keys.sort(compareKeys)
  enter(walk)
  writeHead(walk, major.map, keys.length)
  for (const key of keys) {
    if (key === '__proto__') throw unwritableKey(walk, 'has the key `__proto__`')
    walk.items++
    if (!writeText(walk, key)) throw unwritableKey(walk, 'contains a lone surrogate')
    writeAt(key, map[key], walk)
  }
  walk.depth--
}

/** Keys are sorted in most maps: in decoded ones, and in the payloads of this library. */
function areSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (compareKeys(keys[i - 1] as string, keys[i] as string) > 0) return false
  return true
}

/** Enters a list or map. */
function enter(walk: Walk): void {
  if (walk.depth >= walk.most.depth) throw unwritable(walk, `is more than ${walk.most.depth} levels deep`)
  walk.depth++
}

function writeAt(key: string | number, value: unknown, walk: Walk): void {
  walk.path[walk.depth - 1] = key
  write(value, walk)
}

function writeLink(value: Uint8Array, walk: Walk): void {
  const bytes = new Uint8Array(value)
  if (!isTokenCidAt(bytes, 0, bytes.length)) checkCid(bytes, walk)
  writeHead(walk, major.tag, linkTag)
  writeHead(walk, major.bytes, bytes.length + 1)
  writeByte(walk, 0)
  writeRaw(walk, bytes)
}

function checkCid(bytes: Uint8Array, walk: Walk): void {
  try {
    readCid(bytes)
  } catch (cause) {
    throw unwritable(walk, 'is not a valid CID', cause)
  }
}

function unwritable({ name, path, depth }: Walk, why: string, cause?: unknown): ArgumentError {
  const place = path.slice(0, depth).reduce<string>((text, key) => text + step(key), name)
  return new ArgumentError(`${quote(place, 128)} ${why}`, cause === undefined ? undefined : { cause })
}

/** A message about a key has the path of its map. */
function unwritableKey(walk: Walk, why: string): ArgumentError {
  return unwritable({ ...walk, depth: walk.depth - 1 }, why)
}

/** `.to`, `[1]` or `["other key"]`. */
function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
