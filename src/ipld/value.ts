/**
 * The values of the IPLD data model, as this library holds them.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { isCid } from './is-cid.ts'

/**
 * What DAG-CBOR can say: null, booleans, numbers within ±(2^53 - 1), text, bytes, links, lists and maps with text keys
 * (IPLD Data Model, "Kinds").
 *
 * A decoded map has no prototype: ask for its keys by `Object.hasOwn`.
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

/** Tells whether a value is a list. */
export function isList(value: IpldValue): value is readonly IpldValue[] {
  return Array.isArray(value)
}

/** Tells whether a value is a byte string. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

/** Tells whether a value is a map: none of the other kinds that JavaScript calls an object. */
export function isMap(value: IpldValue | undefined): value is IpldMap {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !isCid(value)
  )
}
