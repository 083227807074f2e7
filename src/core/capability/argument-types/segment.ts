import { numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { stringOf } from './json-schema.ts'

/** Options of {@link segment}. */
export interface SegmentOptions {
  /** Most characters. Default 256. */
  readonly maxLength?: number
}

/**
 * One segment of the path of a URL, such as an id or a name in an API: letters, digits and `- . _ ~`, and not dots
 * alone. It needs no encoding, so a handler can write it into a URL, and a policy such as `like('.id', 'public-*')`
 * holds for the segment that is requested. Other texts are `path()`, or `url()`.
 *
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { segment } from 'procura/arguments'
 *
 * const read = defineCommand({ command: '/doc/read', args: { id: segment() } })
 * ```
 */
export function segment(options: SegmentOptions = {}): ArgumentType<string> {
  const { maxLength } = readOptions('segment', options, { maxLength: withDefault(numberFrom(0), 256) })
  return argumentType(
    (value) => {
      // ARG-27
      if (typeof value !== 'string') return 'is not a string'
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      if (!/^[A-Za-z0-9._~-]+$/.test(value)) return 'is empty or has a character other than letters, digits and `-._~`'
      return /^\.+$/.test(value) ? 'consists of dots' : undefined
    },
    { ...stringOf(1, maxLength), pattern: '^[A-Za-z0-9._~-]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*$' },
  )
}
