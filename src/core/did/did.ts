/**
 * Decentralized identifiers (W3C DID Core 1.0), the names of principals.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import { decodeMultikey } from './multikey.ts'

declare const didBrand: unique symbol

/**
 * A parsed DID: without fragment, query and path, at most 128 characters, and if it is a `did:key`, well formed. Two
 * principals are the same if their DIDs are the same string. Nothing is case-folded or decoded (DID-04).
 */
export type Did = `did:${string}` & { readonly [didBrand]: true }

/** Most characters of a DID. */
const maxDidLength = 128

/**
 * Parses a DID.
 *
 * @param text - `did:method:identifier`; may be untrusted.
 * @throws MalformedError DID-01 when it is too long, DID-02 when it is not a DID, DID-03 when it is a DID URL, KEY-…
 *   when it is a malformed `did:key`.
 */
export function parseDid(text: string): Did {
  if (typeof text !== 'string') throw new MalformedError('DID-02', 'a DID must be a string')
  if (text.length > maxDidLength) {
    throw new MalformedError('DID-01', `the DID has more than ${maxDidLength} characters`, { kind: 'too_large' })
  }
  if (!didPattern.test(text) || text.endsWith(':')) {
    const url = didUrlPattern.test(text)
    throw new MalformedError(
      url ? 'DID-03' : 'DID-02',
      url ? `${quote(text)} is a DID URL; remove the path, query and fragment` : `${quote(text)} is not a DID`,
    )
  }
  // A malformed key is refused even as an audience: nobody could ever sign for that DID.
  if (text.startsWith('did:key:')) decodeMultikey(text.slice(8))
  return text as Did
}

/** Whether {@link parseDid} accepts the value. */
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

/** The syntax of DID Core 1.0, section 3.1, without the rule that the last character is not a colon. */
const didPattern = /^did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})+$/

/** A DID followed by `/`, `?` or `#`. Used for the error message only. */
const didUrlPattern = /^did:[a-z0-9]+:[A-Za-z0-9._:%-]+[/?#]/
