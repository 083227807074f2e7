import { concatBytes } from '../../core/ipld/bytes.ts'
import { integerBytes } from '../integer-bytes.ts'

/**
 * Converts a signature of ECDSA from DER (RFC 3279, section 2.2.3) to r and s of 32 bytes each.
 *
 * @returns undefined when the bytes are not one.
 */
export function rawSignature(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined
  const r = integerAt(der, 2)
  const s = r && integerAt(der, r.end)
  const [first, second] = [r && integerBytes(r.content), s && integerBytes(s.content)]
  return first === undefined || second === undefined || s?.end !== der.length ? undefined : concatBytes([first, second])
}

function integerAt(der: Uint8Array, at: number): { readonly content: Uint8Array; readonly end: number } | undefined {
  const end = at + 2 + (der[at + 1] ?? 0)
  return der[at] === 0x02 && end <= der.length ? { content: der.subarray(at + 2, end), end } : undefined
}
