import { ArgumentError } from '../errors.ts'
import { didString, refusePromise } from '../support/options.ts'
import { type Did, parseDid } from './did.ts'

/**
 * Reads a DID that an option holds.
 *
 * @throws ArgumentError that names the option and does not show the value: it may be a key in the wrong place.
 */
export function didOption(name: string, value: string): Did {
  try {
    return parseDid(value)
  } catch (cause) {
    refusePromise(name, value)
    throw new ArgumentError(
      `\`${name}\` ${isHolder(value) ? didString(value) : `must be a DID${typeof value === 'string' ? hint(cause) : ': a DID is a string'}`}`,
    )
  }
}

/** What is wrong with it. Messages that begin with what was read show it. */
function hint(cause: unknown): string {
  const { message } = cause as Error
  if (!message.startsWith('`')) return `: ${message}`
  return message.endsWith('fragment')
    ? ' and not a DID URL: leave out the path, query and fragment'
    : ', such as did:web:example.com'
}

/** Whether it has a DID, as a signer does. */
function isHolder(value: unknown): boolean {
  return typeof Object(value).did === 'string'
}
