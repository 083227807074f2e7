import { ArgumentError } from '../../errors.ts'
import { didString, refusePromise } from '../../support/options.ts'
import { type Did, parseDid } from './did.ts'

/**
 * Parses the DID in an option.
 *
 * @throws ArgumentError that names the option. It does not contain the value, which may be a misplaced key.
 */
export function didOption(name: string, value: string): Did {
  try {
    return parseDid(value)
  } catch (cause) {
    refusePromise(name, value)
    throw new ArgumentError(
      `\`${name}\` ${typeof value === 'string' ? `must be a DID${hint(cause)}` : didString(value)}`,
    )
  }
}

/** The fault, without the value: messages that begin with a quotation contain it. */
function hint(cause: unknown): string {
  const { message } = cause as Error
  if (!message.startsWith('`')) return `: ${message}`
  return message.endsWith('fragment') ? ' without path, query or fragment' : ', such as did:web:example.com'
}
