import { bigEndian, toBigEndian } from './big-endian.ts'
import { type WeierstrassCurve, yAt } from './weierstrass.ts'

/**
 * Returns x and y, 32 bytes each, big-endian, of a compressed point (SEC 1, section 2.3.3).
 *
 * @param bytes - the 33 bytes, for which `isOnCurve` is true.
 */
export function decompressPoint(curve: WeierstrassCurve, bytes: Uint8Array): { x: Uint8Array; y: Uint8Array } {
  const y = yAt(curve, bigEndian(bytes, 1, 33), bytes[0] === 3)
  return { x: bytes.slice(1), y: toBigEndian(y) }
}
