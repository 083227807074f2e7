import { ArgumentError } from '../errors.ts'
import { didString } from './options.ts'

/**
 * Parses the DID in an option of an adapter.
 *
 * @throws ArgumentError that names the option. It does not contain the value, which may be a misplaced key.
 */
export function parsedDid<Did>(parse: (text: string) => Did, name: string, value: string): Did {
  const fault = didString(value)
  if (fault !== undefined) throw new ArgumentError(`\`${name}\` ${fault}`)
  try {
    return parse(value)
  } catch {
    throw new ArgumentError(`\`${name}\` must be a DID without path, query or fragment, such as did:web:example.com`)
  }
}
