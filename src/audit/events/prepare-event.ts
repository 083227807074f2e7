/**
 * Prepares events for recording: plain data, with well-formed strings of bounded length, so that the input of a caller
 * can neither break the form of the log nor fill it.
 *
 * @module
 */

import { decodeCbor } from '../../core/ipld/decode.ts'
import { encodeCbor } from '../../core/ipld/encode.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import { compareKeys } from '../../core/ipld/key-order.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList, isPlainObject } from '../../core/ipld/value.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { quote } from '../../support/quote.ts'
import { never } from '../../time.ts'
import {
  maxArgumentBytes,
  maxArguments,
  maxListLength,
  maxNameLength,
  maxSealedLength,
  maxTextLength,
} from './bounds.ts'
import type { AuditEvent } from './event.ts'
import type { Sha256 } from './record.ts'
import { snapshot } from './snapshot.ts'

/**
 * Most levels of maps and lists in a field or argument. With the levels around it, a record stays within the reader's
 * limit.
 */
const maxLevels = 24

/** LOG-10: keys that a line cannot contain. A map with `/` is read as bytes or a link, and `__proto__` is refused. */
const unreadableKeys: readonly string[] = ['/', '__proto__']

/** The kinds of events. No reader knows a record of another kind. */
const kinds: ReadonlySet<string> = new Set([
  'intent',
  'outcome',
  'denied',
  'issued',
  'seen',
  'released',
  'revoked',
  'recovered',
  'checkpoint',
  'settled',
])

/** The fields of an event, before their values are checked. */
export type EventFields = { readonly [key: string]: unknown }

/**
 * Returns the fields of an event, each read once. Their values are those of the caller.
 *
 * @throws ArgumentError when the value is not an event.
 */
export function fieldsOf(event: AuditEvent): EventFields {
  const fields: EventFields = { ...event }
  const { kind, id, time, intent } = fields
  if (typeof kind !== 'string' || !kinds.has(kind) || typeof id !== 'string' || !Number.isSafeInteger(time)) {
    throw new ArgumentError('an audit event must have a known `kind`, an `id` and a `time` in whole seconds')
  }
  // Databases look for records by their intent.
  if (intent !== undefined && typeof intent !== 'string') {
    throw new ArgumentError('the `intent` of an audit event must be the `id` of an intent')
  }
  return fields
}

/**
 * Returns a copy without absent fields. Strings longer than {@link maxTextLength} are truncated, and end with the
 * length and hash of the rest; arguments are truncated at {@link maxArgumentBytes} together. LOG-06
 *
 * Later changes to the event by the caller do not change the copy.
 *
 * @throws ArgumentError when the event has a field that a line cannot contain.
 */
export async function prepareFields(fields: EventFields, sha256: Sha256): Promise<IpldMap> {
  // Read once and synchronously: the checked fields are the recorded ones.
  const source = snapshot({ ...fields }) as EventFields
  const prepared = Object.create(null) as { [key: string]: IpldValue }
  for (const key of Object.keys(source)) {
    const value = source[key]
    if (value === undefined || value === never) continue
    assertReadable(key)
    if (key === 'args') {
      prepared[key] = await prepareArguments(value, sha256)
      continue
    }
    const kept = prepare(value, { sha256, name: key, longest: key === 'personal' ? maxSealedLength : maxTextLength })
    // Most fields need no hash, and no wait.
    prepared[key] = isPromiseLike(kept) ? await kept : kept
  }
  return Object.freeze(prepared)
}

/** How a field is prepared. */
interface Field {
  readonly sha256: Sha256
  readonly name: string
  /** The longest string that is kept whole. */
  readonly longest: number
}

/** A field other than `args`: strings, numbers, booleans, lists of them, and the few maps of the event types. */
function prepare(value: unknown, field: Field, levels: number = maxLevels): IpldValue | Promise<IpldValue> {
  const { sha256, longest } = field
  if (typeof value === 'string') return isShort(value, longest) ? value : cutText(value, sha256)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw invalid(field, 'is not a finite number')
    return Number.isSafeInteger(value) || !Number.isInteger(value) ? value : String(value)
  }
  if (levels === 0) throw invalid(field, `has more than ${maxLevels} levels, or contains itself`)
  if (Array.isArray(value)) return prepareList(value, field, levels)
  if (isPlainObject(value)) return prepareMap(value, field, levels)
  throw invalid(field, 'is of a type that cannot be recorded')
}

/** One item after another: a second rejection among concurrent ones would be unhandled. */
async function prepareList(value: readonly unknown[], field: Field, levels: number): Promise<IpldValue[]> {
  const kept: IpldValue[] = []
  for (const item of value.slice(0, maxListLength)) {
    const member = prepare(item, field, levels - 1)
    kept.push(isPromiseLike(member) ? await member : member)
  }
  if (value.length > maxListLength) kept.push(`[${value.length - maxListLength} more]`)
  return kept
}

async function prepareMap(value: object, field: Field, levels: number): Promise<IpldMap> {
  const map = Object.create(null) as { [key: string]: IpldValue }
  for (const [key, inner] of Object.entries(value)) {
    assertReadable(key)
    if (inner !== undefined) map[key] = await prepare(inner, field, levels - 1)
  }
  return map
}

function invalid({ name }: Field, what: string): ArgumentError {
  return new ArgumentError(`the field ${quote(name)} of an audit event ${what}`)
}

/** @throws ArgumentError for a key that a line, or DAG-CBOR, cannot contain. */
function assertReadable(key: string): void {
  if (unreadableKeys.includes(key)) throw new ArgumentError(`an audit event must not have the key \`${key}\``)
  if (!isShort(key, key.length)) {
    throw new ArgumentError('an audit event must not have a key with a lone surrogate')
  }
}

/** LOG-15: keeps arguments in canonical order while there is room, and replaces the others by length and hash. */
async function prepareArguments(args: unknown, sha256: Sha256): Promise<IpldMap> {
  if (!isPlainObject(args)) throw new ArgumentError('the field `args` of an audit event must be a map')
  const kept = Object.create(null) as { [key: string]: IpldValue }
  let room = maxArgumentBytes
  const names = Object.keys(args).sort(compareKeys)
  for (const name of names.slice(0, maxArguments)) {
    let key = await prepareName(name, sha256)
    // Two names can become equal when they are repaired. Neither may overwrite the other.
    while (Object.hasOwn(kept, key)) key += '\ufffd'
    const value = args[name]
    const whole = encoded(value)
    const bytes = typeof value === 'string' && !isShort(value) ? encoded(await cutText(value, sha256)) : whole
    const short = bytes === undefined || bytes.length > room ? undefined : decodeCbor(bytes)
    if (bytes !== undefined && short !== undefined && isPlain(short)) {
      kept[key] = short
      room -= bytes.length
    } else {
      kept[key] = await cutValue(whole, sha256)
    }
  }
  return kept
}

/** A name that a line cannot contain receives the suffix of a truncated one, so it differs from each whole name. */
async function prepareName(name: string, sha256: Sha256): Promise<string> {
  if (unreadableKeys.includes(name)) return name + (await restOf('', sha256))
  return isShort(name, maxNameLength) ? name : cutText(name, sha256, maxNameLength)
}

/** Whether a string needs neither truncation nor repair. */
function isShort(text: string, longest: number = maxTextLength): boolean {
  if (text.length > longest) return false
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return isWellFormed(text)
  return true
}

function isWellFormed(text: string): boolean {
  return wellFormed(text) === text
}

/** Replaces lone surrogates by U+FFFD, as UTF-8 encoders do. */
function wellFormed(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
}

async function cutText(text: string, sha256: Sha256, longest: number = maxTextLength): Promise<string> {
  const whole = wellFormed(text)
  if (whole.length <= longest) return whole
  const pair = (whole.charCodeAt(longest - 1) & 0xfc00) === 0xd800
  const end = pair ? longest - 1 : longest
  return whole.slice(0, end) + (await restOf(whole.slice(end), sha256))
}

/** The replacement of the rest of a string. */
async function restOf(rest: string, sha256: Sha256): Promise<string> {
  const bytes = new TextEncoder().encode(rest)
  return `[${bytes.length} bytes more, sha-256 ${encodeHex(await sha256(bytes))}]`
}

async function cutValue(bytes: Uint8Array | undefined, sha256: Sha256): Promise<string> {
  return bytes === undefined ? '[cut]' : `[cut, ${bytes.length} bytes, sha-256 ${encodeHex(await sha256(bytes))}]`
}

/** Undefined for a value that DAG-CBOR cannot represent, such as a string with a lone surrogate. */
function encoded(value: unknown): Uint8Array | undefined {
  try {
    return encodeCbor(value as IpldValue)
  } catch (cause) {
    if (cause instanceof ArgumentError || cause instanceof MalformedError) return undefined
    throw cause
  }
}

/** Whether a line can contain the value, and be read back. */
function isPlain(value: IpldValue, levels: number = maxLevels): boolean {
  if (typeof value !== 'object' || value === null || isBytes(value) || isCid(value)) return true
  if (levels === 0) return false
  if (isList(value)) return value.every((item) => isPlain(item, levels - 1))
  return (
    !unreadableKeys.some((key) => Object.hasOwn(value, key)) &&
    Object.values(value as IpldMap).every((item) => isPlain(item, levels - 1))
  )
}
