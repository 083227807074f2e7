/**
 * DAG-JSON, as far as fixtures and the corpus need it: links, bytes, and `{"/": {"float": 1}}` for a whole number that
 * is to be written as a float.
 *
 * @module
 */
import { base64 } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { Float } from './cbor.ts'

/** Reads JSON text with `{"/": …}` forms. */
export function parseDagJson(text: string): unknown {
  return fromJson(JSON.parse(text))
}

/** Turns parsed JSON with `{"/": …}` forms into IPLD values. */
export function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value)
  const slash = (value as { '/'?: unknown })['/']
  if (keys.length === 1 && typeof slash === 'string') return CID.parse(slash)
  if (keys.length === 1 && typeof slash === 'object' && slash !== null) {
    const { bytes, float } = slash as { bytes?: string; float?: number }
    if (bytes !== undefined) return base64.decode(`m${bytes}`)
    if (float !== undefined) return new Float(float)
  }
  return Object.fromEntries(keys.map((key) => [key, fromJson((value as { [key: string]: unknown })[key])]))
}

/** Turns IPLD values into JSON with `{"/": …}` forms. */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return { '/': { bytes: base64.encode(value).slice(1) } }
  if (value instanceof CID) return { '/': value.toString() }
  if (value instanceof Float) return { '/': { float: value.value } }
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]))
}
