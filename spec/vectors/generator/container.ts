/**
 * Containers of any contents, in all spellings.
 *
 * @module
 */

import { concat, encode, type Value } from './cbor.ts'
import { gzip } from './gzip.ts'
import type { Token } from './token.ts'

/** A container in a vector: text, or bytes in base64url without padding. */
export type Container = string | { readonly bytes: string }

/** The usual form: header `C`, base64url. */
export function textOf(tokens: readonly Token[]): string {
  return `C${base64url(contents(tokens))}`
}

/** The same, compressed: header `P`. */
export function packedText(tokens: readonly Token[]): string {
  return `P${base64url(gzip(contents(tokens)))}`
}

/** The contents of a container with these tokens, in the given order. */
export function contents(tokens: readonly Token[]): Uint8Array {
  return contentsOf(tokens.map(({ bytes }) => bytes))
}

/** The contents of a container with any items. */
export function contentsOf(items: Value): Uint8Array {
  return encode({ 'ctn-v1': items })
}

/** Header and body of a container of bytes. */
export function bytesOf(header: string, body: Uint8Array): Container {
  return { bytes: base64url(concat([Uint8Array.of(header.charCodeAt(0)), body])) }
}

/** Base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** Base64 with padding. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
