import { ArgumentError } from '../../errors.ts'
import { minimumNonceBytes } from '../../support/nonces.ts'
import { noncesOf, type Signer } from '../principal/signer.ts'

/** The maximum length in bytes of a nonce, read or written. */
export const maximumNonceBytes = 64

/**
 * A new nonce: 12 random bytes, as the specification recommends, from the platform's cryptographic generator.
 *
 * @param signer - of the token.
 */
export function newNonce(signer: Signer): Uint8Array {
  return noncesOf(signer)?.() ?? globalThis.crypto.getRandomValues(new Uint8Array(minimumNonceBytes))
}

/**
 * A copy of the caller's nonce, or a new one.
 *
 * @param minimum - its minimum length in bytes.
 * @throws ArgumentError when it is shorter, or longer than 64 bytes.
 */
export function chooseNonce(nonce: Uint8Array | undefined, minimum: number, signer: Signer): Uint8Array {
  if (nonce === undefined) return newNonce(signer)
  if (!(nonce instanceof Uint8Array) || nonce.length < minimum || nonce.length > maximumNonceBytes) {
    throw new ArgumentError(`\`nonce\` must have ${minimum} to ${maximumNonceBytes} bytes`)
  }
  return new Uint8Array(nonce)
}
