import { type Bounds, completeBounds } from '../../bounds.ts'
import { arrayOf, flag, maybe, type OptionChecks, objectValue, oneOfStrings } from '../../support/options.ts'
import { type DecodeOptions, defaultVersions, type Envelope } from './open.ts'
import type { TokenVersion } from './payload-tag.ts'

/** The options for reading tokens, with all defaults. */
export interface Decoding {
  readonly bounds: Bounds
  readonly accept: readonly TokenVersion[]
  readonly acceptRedundantFields: boolean
}

/** TOK-25: The checks of {@link DecodeOptions}, which all readers of tokens share. */
export const decodingChecks: OptionChecks<DecodeOptions> = Object.freeze({
  bounds: maybe(objectValue),
  accept: maybe(arrayOf(oneOfStrings('1.0.0', '1.0.0-rc.1'))),
  acceptRedundantFields: maybe(flag),
})

/**
 * Copies the options and fills in the defaults.
 *
 * @param options - that passed {@link decodingChecks}.
 * @throws ArgumentError when a limit is invalid.
 */
export function completeDecoding(options: DecodeOptions): Decoding {
  const { bounds, accept = defaultVersions, acceptRedundantFields = false } = options
  return { bounds: completeBounds(bounds), accept: Object.freeze([...accept]), acceptRedundantFields }
}

/**
 * Whether a token may have fields that 1.0.0 leaves out: if the reader allows them, or the token is of an earlier
 * version.
 */
export function isLenient(
  { tag }: Envelope,
  { acceptRedundantFields }: Pick<Decoding, 'acceptRedundantFields'>,
): boolean {
  return acceptRedundantFields || tag.version !== '1.0.0'
}
