import type { CID } from 'multiformats/cid'
import { encodeBase32 } from './base.ts'
import { isTokenCid } from './cid.ts'

/** Bytes that take a whole number of digits of base32, eight. */
const groupBytes = 5

/** The character codes of the digits of base32 (RFC 4648, section 6, in lower case). */
const digits = Uint8Array.from('abcdefghijklmnopqrstuvwxyz234567', (digit) => digit.charCodeAt(0))

/**
 * The text of a CID, as its `toString` returns it. That method remembers the text for the object, which costs four
 * times as much as the text itself. Use this function for a CID whose text is needed once.
 */
export function cidText(cid: CID): string {
  if (isTokenCid(cid)) return tokenCidText(cid.bytes)
  return cid.version === 1 ? `b${encodeBase32(cid.bytes)}` : cid.toString()
}

/**
 * A record contains the text of each token of a call. The encoder of `multiformats` joins single characters, which
 * engines store as a tree of 1,500 bytes; it takes three times as long as this one, with the garbage that it leaves.
 */
function tokenCidText(bytes: Uint8Array): string {
  let text = 'b'
  let at = 0
  for (; at + groupBytes <= bytes.length; at += groupBytes) {
    const a = bytes[at] as number
    const b = bytes[at + 1] as number
    const c = bytes[at + 2] as number
    const d = bytes[at + 3] as number
    const e = bytes[at + 4] as number
    text += characters(
      digits[a >> 3],
      digits[((a << 2) | (b >> 6)) & 31],
      digits[(b >> 1) & 31],
      digits[((b << 4) | (c >> 4)) & 31],
      digits[((c << 1) | (d >> 7)) & 31],
      digits[(d >> 2) & 31],
      digits[((d << 3) | (e >> 5)) & 31],
      digits[e & 31],
    )
  }
  // 36 bytes leave one, whose eight bits are two digits.
  const last = bytes[at] as number
  return text + characters(digits[last >> 3], digits[(last << 2) & 31])
}

const characters = String.fromCharCode as (...codes: (number | undefined)[]) => string
