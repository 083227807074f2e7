import { isConfidential } from '../support/loopback.ts'
import type { OptionCheck } from '../support/options.ts'

/** An address that nobody on the way can read or change, and that contains no password. */
export const confidentialUrl: OptionCheck = (value) =>
  typeof value === 'string' && URL.canParse(value) && isConfidential(new URL(value)) && !new URL(value).username
    ? undefined
    : 'must be an `https:` URL without user information (`http:` on this machine alone)'
