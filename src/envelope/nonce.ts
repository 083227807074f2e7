import { ArgumentError } from '../errors.ts'

/** Fewest bytes of a nonce that make a token unique (UCAN Delegation 1.0.0, "Nonce"). */
export const minimumNonceBytes = 12

/** Most bytes of a nonce that are read or written. */
export const maximumNonceBytes = 64

/** A fresh nonce: as many random bytes as the specification recommends, from the platform's cryptographic generator. */
export function randomNonce(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(minimumNonceBytes))
}

/**
 * The nonce that a caller brought, or a fresh one.
 *
 * @param minimum - fewest bytes that it may have.
 * @throws ArgumentError when it has fewer, or more than 64.
 */
export function chooseNonce(nonce: Uint8Array | undefined, minimum: number): Uint8Array {
  if (nonce === undefined) return randomNonce()
  if (!(nonce instanceof Uint8Array) || nonce.length < minimum || nonce.length > maximumNonceBytes) {
    throw new ArgumentError(`\`nonce\` must have ${minimum} to ${maximumNonceBytes} bytes`)
  }
  return new Uint8Array(nonce)
}
