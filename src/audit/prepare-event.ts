/**
 * Makes an event fit to be recorded: plain data, every text well formed and of bounded length, so that what a caller
 * sends can neither break the form of the log nor fill it.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../errors.ts'
import { encodeHex } from '../ipld/base.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { compareKeys } from '../ipld/equal.ts'
import { isCid } from '../ipld/is-cid.ts'
import { isPlainObject } from '../ipld/plain-object.ts'
import { type IpldMap, type IpldValue, isBytes, isList } from '../ipld/value.ts'
import { never } from '../time.ts'
import type { AuditEvent } from './event.ts'
import type { Sha256 } from './record.ts'

/** The longest text kept whole, in UTF-16 units. */
export const maxTextLength = 512
/** The same for encrypted fields, which are of no use when a part is missing. */
const maxSealedLength = 6000
/** The most that the values of arguments may take together, in bytes of DAG-CBOR. */
const maxArgumentBytes = 4096
/** The most members that a list may have. */
const maxListLength = 64
/** The most arguments that are told of one call. */
const maxArguments = 32
/** The most levels of maps and lists in an argument: with those around it, a record has no more than is read back. */
const maxArgumentDepth = 24
/** The longest name of an argument kept whole, in UTF-16 units. */
const maxNameLength = 64

/** Events of these kinds are all there are; a record of another kind would be one that no reader knows. */
const kinds: ReadonlySet<string> = new Set([
  'intent',
  'outcome',
  'denied',
  'issued',
  'released',
  'revoked',
  'recovered',
  'checkpoint',
])

/**
 * Returns a copy in which absent fields are left out, texts beyond {@link maxTextLength} are cut and say how much was
 * cut and what its hash is, and arguments are cut together at {@link maxArgumentBytes}. LOG-06
 *
 * @throws ArgumentError when the event is none.
 */
export async function prepareEvent(event: AuditEvent, sha256: Sha256): Promise<IpldMap> {
  if (!kinds.has(event.kind) || typeof event.id !== 'string' || !Number.isSafeInteger(event.time)) {
    throw new ArgumentError('an audit event has a kind, an id and a time in whole seconds')
  }
  const prepared = Object.create(null) as { [key: string]: IpldValue }
  const source = event as unknown as { readonly [key: string]: unknown }
  for (const key of Object.keys(source)) {
    const value = source[key]
    if (value === undefined || value === never) continue
    if (key === 'args') {
      prepared[key] = await prepareArguments(value as IpldMap, sha256)
      continue
    }
    const kept = prepare(value, sha256, key, key === 'personal' ? maxSealedLength : maxTextLength)
    // Nearly always there is nothing to hash, and nothing to wait for.
    prepared[key] = kept instanceof Promise ? await kept : kept
  }
  return Object.freeze(prepared)
}

/** A field other than `args`: texts, numbers, booleans, lists of them, and the few maps of the event types. */
function prepare(value: unknown, sha256: Sha256, name: string, longest: number): IpldValue | Promise<IpldValue> {
  if (typeof value === 'string') return isShort(value, longest) ? value : cutText(value, sha256)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new ArgumentError(`the field \`${name}\` of an audit event is not a number`)
    return Number.isSafeInteger(value) || !Number.isInteger(value) ? value : String(value)
  }
  if (Array.isArray(value)) {
    const kept = value.slice(0, maxListLength).map((item) => prepare(item, sha256, name, longest))
    if (value.length > maxListLength) kept.push(`[${value.length - maxListLength} more]`)
    return kept.some((item) => item instanceof Promise) ? Promise.all(kept) : (kept as IpldValue[])
  }
  if (isPlainObject(value)) return prepareMap(value, sha256, name, longest)
  throw new ArgumentError(`the field \`${name}\` of an audit event is of a type that cannot be recorded`)
}

async function prepareMap(value: object, sha256: Sha256, name: string, longest: number): Promise<IpldMap> {
  const map = Object.create(null) as { [key: string]: IpldValue }
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined) map[key] = await prepare(inner, sha256, name, longest)
  }
  return map
}

/** Keeps arguments in canonical order as long as there is room; of the others stands what was cut. */
async function prepareArguments(args: IpldMap, sha256: Sha256): Promise<IpldMap> {
  const kept = Object.create(null) as { [key: string]: IpldValue }
  let room = maxArgumentBytes
  const names = Object.keys(args).sort(compareKeys)
  for (const name of names.slice(0, maxArguments)) {
    const key = isShort(name, maxNameLength) ? name : await cutText(name, sha256, maxNameLength)
    const value = args[name] as IpldValue
    const short = typeof value === 'string' && !isShort(value) ? await cutText(value, sha256) : value
    const bytes = encoded(short)
    if (bytes !== undefined && bytes.length <= room && isPlain(short)) {
      kept[key] = short
      room -= bytes.length
    } else {
      kept[key] = await cutValue(value, sha256)
    }
  }
  return kept
}

/** Whether a text needs no cut and no mending. */
function isShort(text: string, longest: number = maxTextLength): boolean {
  if (text.length > longest) return false
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return isWellFormed(text)
  return true
}

function isWellFormed(text: string): boolean {
  return wellFormed(text) === text
}

/** Lone surrogates become U+FFFD, as they do whenever text is written as UTF-8. */
function wellFormed(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
}

async function cutText(text: string, sha256: Sha256, longest: number = maxTextLength): Promise<string> {
  const whole = wellFormed(text)
  if (whole.length <= longest) return whole
  const pair = (whole.charCodeAt(longest - 1) & 0xfc00) === 0xd800
  const end = pair ? longest - 1 : longest
  const rest = new TextEncoder().encode(whole.slice(end))
  return `${whole.slice(0, end)}[${rest.length} bytes more, sha-256 ${encodeHex(await sha256(rest))}]`
}

async function cutValue(value: IpldValue, sha256: Sha256): Promise<string> {
  const bytes = encoded(value)
  return bytes === undefined ? '[cut]' : `[cut, ${bytes.length} bytes, sha-256 ${encodeHex(await sha256(bytes))}]`
}

/** Undefined for what has no form on the wire, such as a lone surrogate within. */
function encoded(value: IpldValue): Uint8Array | undefined {
  try {
    return encodeCbor(value)
  } catch (cause) {
    if (cause instanceof ArgumentError || cause instanceof MalformedError) return undefined
    throw cause
  }
}

/**
 * Whether the line can carry the value, and be read back: a map with the key `/` would be a link or bytes then, and one
 * with the key `__proto__`, or too many levels, would be refused.
 */
function isPlain(value: IpldValue, depth: number = maxArgumentDepth): boolean {
  if (typeof value !== 'object' || value === null || isBytes(value) || isCid(value)) return true
  if (depth === 0) return false
  if (isList(value)) return value.every((item) => isPlain(item, depth - 1))
  if (Object.hasOwn(value, '/') || Object.hasOwn(value, '__proto__')) return false
  return Object.values(value as IpldMap).every((item) => isPlain(item, depth - 1))
}
