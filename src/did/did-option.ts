import { didText, refusePromise } from '../check-options.ts'
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
    refusePromise(name, value)
    const fault = isHolder(value) ? didText(value) : `must be a DID: ${(cause as Error).message}`
    throw new ArgumentError(`\`${name}\` ${fault}`, { cause })
  }
}

/** Whether it has a DID, as a signer does. */
function isHolder(value: unknown): boolean {
  return typeof Object(value).did === 'string'
}
