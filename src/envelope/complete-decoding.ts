import { completeLimits, type Limits } from '../limits.ts'
import { arrayOf, flag, maybe, type OptionChecks, objectValue, oneOfStrings } from '../support/options.ts'
import { type DecodeOptions, defaultVersions, type Envelope } from './open.ts'
import type { TokenVersion } from './payload-tag.ts'

/** How tokens are read, completed and checked. */
export interface Decoding {
  readonly limits: Limits
  readonly accept: readonly TokenVersion[]
  readonly acceptRedundantFields: boolean
}

/** TOK-25: the forms of {@link DecodeOptions}, which are those of all that reads tokens. */
export const decodingChecks: OptionChecks<DecodeOptions> = Object.freeze({
  limits: maybe(objectValue),
  accept: maybe(arrayOf(oneOfStrings('1.0.0', '1.0.0-rc.1'))),
  acceptRedundantFields: maybe(flag),
})

/**
 * Fills in the defaults, in a copy.
 *
 * @param options - of {@link decodingChecks}.
 * @throws ArgumentError for limits that are not.
 */
export function completeDecoding(options: DecodeOptions): Decoding {
  const { limits, accept = defaultVersions, acceptRedundantFields = false } = options
  return { limits: completeLimits(limits), accept: Object.freeze([...accept]), acceptRedundantFields }
}

/** Whether fields that 1.0.0 leaves out are read in a token: where the reader says so, and in what was written before. */
export function isLenient(
  { tag }: Envelope,
  { acceptRedundantFields }: Pick<Decoding, 'acceptRedundantFields'>,
): boolean {
  return acceptRedundantFields || tag.version !== '1.0.0'
}
