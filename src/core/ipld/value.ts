/**
 * The values of the IPLD data model in JavaScript.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'

/**
 * A value of DAG-CBOR: null, a boolean, a number within ±(2^53 - 1), a string, bytes, a link, a list, or a map with
 * string keys (IPLD Data Model, "Kinds").
 *
 * A decoded map has no prototype. Test for its keys with `Object.hasOwn`.
 */
export type IpldValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | CID
  | readonly IpldValue[]
  | { readonly [key: string]: IpldValue }

/** A map of the data model. */
export type IpldMap = { readonly [key: string]: IpldValue }

/** Whether a value is a list. */
export function isList(value: IpldValue): value is readonly IpldValue[] {
  return Array.isArray(value)
}

/** Whether a value is a byte string. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

/** Whether a value is an object without a class: from a literal, `JSON.parse` or a decoder. */
export function isPlainObject(value: unknown): value is { [key: string]: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Whether a value is a map. */
export function isMap(value: IpldValue | undefined): value is IpldMap {
  return isPlainObject(value)
}

/**
 * Whether a value is a CID, also of another copy of `multiformats`: an instance of a class whose `/` is its
 * `bytes` (see `CID.asCID`). A plain map with these keys is a map.
 */
export function isCid(value: unknown): value is CID {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isPlainObject(value)) return false
  const { bytes, '/': slash } = value as { readonly bytes?: unknown; readonly '/'?: unknown }
  return bytes instanceof Uint8Array && bytes === slash
}

/** Freezes a value with all its parts, and returns it. JavaScript cannot freeze bytes, so pass on a copy of them. */
export function deepFreeze<T extends IpldValue>(value: T): T {
  if (typeof value !== 'object' || value === null || isBytes(value)) return value
  if (!isCid(value)) for (const inner of Object.values<IpldValue>(value as IpldMap)) deepFreeze(inner)
  return Object.freeze(value)
}
