import { systemClock } from '../time.ts'

/** The minimum length in bytes of a nonce that makes a token unique (UCAN Delegation 1.0.0, "Nonce"). */
export const minimumNonceBytes = 12

/** Random bytes that are taken at once: on Node, taking so many costs no more than taking 12. */
const poolBytes = 64 * minimumNonceBytes

/**
 * Makes a source of nonces: 12 bytes each, from the platform's cryptographic generator. Its random bytes are taken in
 * advance, overwritten when they are used, and used in the second in which they were taken. So a process that is copied
 * with the source, such as a start-up snapshot or a restored virtual machine, takes bytes of its own as soon as the
 * clock has gone on.
 */
export function createNonces(): () => Uint8Array {
  let pool = new Uint8Array()
  let at = 0
  let takenAt = 0
  return () => {
    const now = systemClock.now()
    if (at === pool.length || now !== takenAt) {
      pool = crypto.getRandomValues(pool.length > 0 ? pool : new Uint8Array(poolBytes))
      at = 0
      takenAt = now
    }
    const nonce = pool.slice(at, at + minimumNonceBytes)
    pool.fill(0, at, at + minimumNonceBytes)
    at += minimumNonceBytes
    return nonce
  }
}
