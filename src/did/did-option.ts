import { ArgumentError } from '../errors.ts'
import { type Did, parseDid } from './did.ts'

/**
 * Reads a DID that an option holds.
 *
 * @throws {@link ArgumentError} that names the option; its cause is what {@link parseDid} throws.
 */
export function didOption(name: string, value: string): Did {
  try {
    return parseDid(value)
  } catch (cause) {
    const { did, then } = Object(value)
    if (typeof then === 'function') throw new ArgumentError(`\`${name}\` is a promise; await it`, { cause })
    if (typeof did === 'string') {
      throw new ArgumentError(`\`${name}\` must be a DID, and is an object with one; pass \`signer.did\``, { cause })
    }
    throw new ArgumentError(`\`${name}\` must be a DID: ${(cause as Error).message}`, { cause })
  }
}
