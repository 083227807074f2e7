import { isDid } from '../did/did.ts'
import { UsageError } from './usage-error.ts'

/** Checks the DID in an option. The value is not shown: it may be a key in the wrong place. */
export function checkDid(name: string, text: string): void {
  if (!/^did:[a-z0-9]+:./.test(text))
    throw new UsageError(
      `--${name} must be a DID, such as did:key:z6Mk…; \`procura key show FILE\` prints the one of a key file, and \`procura agent show NAME\` the one of an agent`,
    )
  if (!isDid(text)) throw new UsageError(`--${name} is not a valid DID; copy the whole DID`)
}
