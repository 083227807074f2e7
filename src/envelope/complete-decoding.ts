import { checkOptions, listOf, maybe, oneOf, table } from '../check-options.ts'
import { completeLimits, type Limits } from '../limits.ts'
import { type DecodeOptions, defaultVersions } from './open.ts'
import type { TokenVersion } from './payload-tag.ts'

/**
 * Checks options and fills in the defaults, in a copy.
 *
 * @param of - the function that takes them.
 * @throws ArgumentError that names the option and says what it must be.
 */
export function completeDecoding(
  of: string,
  options: DecodeOptions,
): {
  readonly limits: Limits
  readonly accept: readonly TokenVersion[]
} {
  const { limits, accept = defaultVersions } = checkOptions(of, options, {
    limits: maybe(table),
    accept: maybe(listOf(oneOf('1.0.0', '1.0.0-rc.1'))),
  })
  return { limits: completeLimits(limits), accept: Object.freeze([...accept]) }
}
