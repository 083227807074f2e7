import { isConfidential } from '../support/loopback.ts'
import type { OptionCheck } from '../support/options.ts'

/** An address that nobody on the way can read or change, and that contains no password. */
export const confidentialUrl: OptionCheck = (value) =>
  typeof value === 'string' && URL.canParse(value) && isUsable(new URL(value))
    ? undefined
    : 'must be an `https:` URL without user information (`http:` on this machine alone)'

function isUsable(url: URL): boolean {
  return isConfidential(url) && url.username === '' && url.password === ''
}
