/**
 * Decentralized identifiers (W3C DID Core 1.0), the names of principals.
 *
 * @module
 */

import { MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import { decodeMultikey } from './multikey.ts'

declare const didBrand: unique symbol

/**
 * A DID that {@link parseDid} has read: no fragment, query or path, at most 128 characters, and never a `did:key` of
 * bad form. Two principals are the same when their DIDs are the same string; nothing is folded or decoded (DID-04).
 */
export type Did = `did:${string}` & { readonly [didBrand]: true }

/** The longest DID that is read, in characters. */
const maxDidLength = 128

/**
 * Reads a DID.
 *
 * @param text - `did:method:identifier`, from anywhere.
 * @throws MalformedError DID-01 when it is too long, DID-02 when it is not a DID, DID-03 when it is a DID URL, KEY-…
 *   when it is a `did:key` of bad form.
 */
export function parseDid(text: string): Did {
  if (typeof text !== 'string') throw new MalformedError('DID-02', 'a DID is a string')
  if (text.length > maxDidLength) {
    throw new MalformedError('DID-01', `the DID is longer than ${maxDidLength} characters`, { kind: 'too_large' })
  }
  if (!didPattern.test(text) || text.endsWith(':')) {
    const url = didUrlPattern.test(text)
    throw new MalformedError(
      url ? 'DID-03' : 'DID-02',
      url
        ? `${quote(text)} is a DID URL, not a DID: leave out the path, query and fragment`
        : `${quote(text)} is not a DID`,
    )
  }
  // A bad key must not even be an audience, so that no name is accepted here for which nobody can ever sign.
  if (text.startsWith('did:key:')) decodeMultikey(text.slice(8))
  return text as Did
}

/** Tells whether {@link parseDid} would read the value. */
export function isDid(value: unknown): value is Did {
  if (typeof value !== 'string') return false
  try {
    parseDid(value)
    return true
  } catch {
    return false
  }
}

/** Returns the method of a DID: `key` of `did:key:z6Mk…`. */
export function didMethod(did: Did): string {
  return did.slice(4, did.indexOf(':', 4))
}

/** The syntax of DID Core 1.0, section 3.1, but for the rule that the last character is no colon. */
const didPattern = /^did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})+$/

/** Something that begins like a DID and goes on with `/`, `?` or `#`; only to say so in the message. */
const didUrlPattern = /^did:[a-z0-9]+:[A-Za-z0-9._:%-]+[/?#]/
