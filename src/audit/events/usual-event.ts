/**
 * The fast way to write an event: its DAG-CBOR and its canonical JSON in one pass over the fields. It takes usual
 * events, whose fields are recorded as they are. `prepareFields` takes all others. Both ways write the same bytes.
 *
 * @module
 */

import { major } from '../../core/ipld/scanner.ts'
import { isPlainObject } from '../../core/ipld/value.ts'
import { reserve, type Writer, writeByte, writeHead, writeNumber } from '../../core/ipld/writer.ts'
import {
  maxArgumentBytes,
  maxArguments,
  maxListLength,
  maxNameLength,
  maxSealedLength,
  maxTextLength,
} from './bounds.ts'
import { newRoom } from './rooms.ts'

/** An event in the two forms that a record contains. */
export interface WrittenEvent {
  /** The first bytes of a record: the event, with the head of the map and the key before it. */
  readonly writer: Writer
  /** The event as canonical JSON. */
  readonly json: string
}

/** The output and its bounds. */
interface Pen extends Writer {
  /** The longest string that is kept whole. */
  longest: number
  /** Values that may still be written. */
  room: number
}

/** Most bytes of the head of a string. */
const maxHeadLength = 9
/** Most values of a usual event. */
const maxValues = 512
/** Most levels of maps and lists in a field of a usual event. */
const maxLevels = 4
/**
 * Writes a usual event: strings of printable ASCII that need no truncation and no escape, numbers, booleans, lists and
 * maps of them, within bounds. Each part is read once.
 *
 * @param event - a copy, whose fields are data properties of its own.
 * @param room - where it is written, if the room is enough.
 * @returns undefined for any other event.
 */
export function writeUsualEvent(
  event: { readonly [key: string]: unknown },
  room: Uint8Array = newRoom(),
): WrittenEvent | undefined {
  const pen: Pen = { bytes: room, length: 0, longest: maxTextLength, room: maxValues }
  const keys = sorted(presentKeys(event))
  if (keys === undefined) return undefined
  // The keys of a record in canonical order are `event`, `version`, `previous` and `sequence`.
  writeHead(pen, major.map, 4)
  writePlain(pen, 'event', maxNameLength)
  writeHead(pen, major.map, keys.length)
  let json = ''
  for (const key of keys) {
    if (!writeKey(pen, key)) return undefined
    const value = event[key]
    pen.longest = key === 'personal' ? maxSealedLength : maxTextLength
    const written = key === 'args' ? writeArguments(pen, value) : writeValue(pen, value, maxLevels)
    if (written === undefined) return undefined
    json += json === '' ? '{"' : ',"'
    json += key
    json += '":'
    json += written
  }
  return { writer: { bytes: pen.bytes, length: pen.length }, json: `${json}}` }
}

/** Each function returns the JSON of a value, or undefined for a value that is not usual. */
function writeValue(pen: Pen, value: unknown, levels: number): string | undefined {
  if (--pen.room < 0) return undefined
  switch (typeof value) {
    case 'string':
      return writePlain(pen, value, pen.longest) ? `"${value}"` : undefined
    case 'number':
      return writeUsualNumber(pen, value)
    case 'boolean':
      writeByte(pen, value ? 0xf5 : 0xf4)
      return value ? 'true' : 'false'
    default:
      if (levels === 0) return undefined
      if (Array.isArray(value)) return writeList(pen, value, levels)
      return isPlainObject(value) ? writeMap(pen, value, levels) : undefined
  }
}

function writeUsualNumber(pen: Pen, value: number): string | undefined {
  const isUsual = Number.isInteger(value)
    ? Number.isSafeInteger(value) && !Object.is(value, -0)
    : Number.isFinite(value)
  if (!isUsual) return undefined
  writeNumber(pen, value)
  return `${value}`
}

function writeList(pen: Pen, list: readonly unknown[], levels: number): string | undefined {
  const { length } = list
  if (length > maxListLength) return undefined
  writeHead(pen, major.list, length)
  let json = '['
  let count = 0
  for (const item of list) {
    const written = writeValue(pen, item, levels - 1)
    if (written === undefined) return undefined
    if (count++ > 0) json += ','
    json += written
  }
  return count === length ? `${json}]` : undefined
}

function writeMap(pen: Pen, map: { readonly [key: string]: unknown }, levels: number): string | undefined {
  const keys = sorted(Object.keys(map))
  if (keys === undefined) return undefined
  writeHead(pen, major.map, keys.length)
  let json = ''
  for (const key of keys) {
    if (!writeKey(pen, key)) return undefined
    const written = writeValue(pen, map[key], levels - 1)
    if (written === undefined) return undefined
    json += `${json === '' ? '' : ','}"${key}":${written}`
  }
  return `{${json}}`
}

/** The bound on arguments covers their values. Keys and heads count in addition, so this bound is a little smaller. */
function writeArguments(pen: Pen, args: unknown): string | undefined {
  const start = pen.length
  const written = isPlainObject(args) ? writeMap(pen, args, maxLevels) : undefined
  return pen.length - start <= maxArgumentBytes ? written : undefined
}

function writeKey(pen: Pen, key: string): boolean {
  return key !== '/' && key !== '__proto__' && writePlain(pen, key, maxNameLength)
}

/** For each code of ASCII whether it is printable and neither a quotation mark nor a backslash: 1 or 0. */
const plainCharacters: Uint8Array = Uint8Array.from({ length: 0x7f }, (_, code) =>
  Number(code >= 0x20 && code !== 0x22 && code !== 0x5c),
)

/** Writes a string, unless it is too long or has a character that JSON escapes or a line must not contain. */
function writePlain(pen: Pen, text: string, longest: number): boolean {
  const { length } = text
  if (length > longest) return false
  reserve(pen, length + maxHeadLength)
  if (length < 0x18) {
    pen.bytes[pen.length++] = (major.text << 5) | length
  } else if (length < 0x100) {
    pen.bytes[pen.length++] = (major.text << 5) | 24
    pen.bytes[pen.length++] = length
  } else writeHead(pen, major.text, length)
  const { bytes, length: start } = pen
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7e || plainCharacters[code] === 0) return false
    bytes[start + i] = code
  }
  pen.length = start + length
  return true
}

function presentKeys(event: { readonly [key: string]: unknown }): string[] {
  const keys = Object.keys(event)
  let count = 0
  for (const key of keys) if (event[key] !== undefined) keys[count++] = key
  // Setting a length is slow, and most events have no absent field.
  if (count < keys.length) keys.length = count
  return keys
}

/**
 * Sorts keys in place, in canonical order if they are ASCII: by insertion, which is the fastest way for a few keys that
 * are mostly in order. Undefined for many keys.
 */
function sorted(keys: string[]): readonly string[] | undefined {
  if (keys.length > maxArguments) return undefined
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string
    let at = i
    for (; at > 0 && isBefore(key, keys[at - 1] as string); at--) keys[at] = keys[at - 1] as string
    keys[at] = key
  }
  return keys
}

function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}
