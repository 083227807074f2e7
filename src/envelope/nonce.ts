import { ArgumentError } from '../errors.ts'

/** The minimum length in bytes of a nonce that makes a token unique (UCAN Delegation 1.0.0, "Nonce"). */
export const minimumNonceBytes = 12

/** The maximum length in bytes of a nonce, read or written. */
export const maximumNonceBytes = 64

/** A new nonce: 12 random bytes, as the specification recommends, from the platform's cryptographic generator. */
export function randomNonce(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(minimumNonceBytes))
}

/**
 * A copy of the caller's nonce, or a new one.
 *
 * @param minimum - its minimum length in bytes.
 * @throws ArgumentError when it is shorter, or longer than 64 bytes.
 */
export function chooseNonce(nonce: Uint8Array | undefined, minimum: number): Uint8Array {
  if (nonce === undefined) return randomNonce()
  if (!(nonce instanceof Uint8Array) || nonce.length < minimum || nonce.length > maximumNonceBytes) {
    throw new ArgumentError(`\`nonce\` must have ${minimum} to ${maximumNonceBytes} bytes`)
  }
  return new Uint8Array(nonce)
}
