import { numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { isComposed, isStreamSafe, isVisible } from './characters.ts'
import { stringOf } from './json-schema.ts'

/** Options of {@link path}. */
export interface PathOptions {
  /** Most UTF-16 code units. Default 4,096. */
  readonly maxLength?: number
}

/**
 * An absolute path with `/` between its segments. Canonical form:
 *
 * - it begins with a slash and does not end with one (except `/` itself);
 * - it has no empty, `.` or `..` segment, and no segment of only dots, white space, combining marks and joiners, also
 *   before a semicolon;
 * - it has no backslash, percent sign, question mark, number sign, control or invisible character;
 * - it is in normalization form C, and NFKC does not introduce any of the above.
 *
 * A path that matches `["like", ".path", "/data/*"]` is below `/data` as a file and as the path of a URL, also for a
 * server that decodes it once more or removes parameters after a semicolon.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function path(options: PathOptions = {}): ArgumentType<string> {
  const { maxLength } = readOptions('path', options, { maxLength: withDefault(numberFrom(0), 4096) })
  return argumentType(
    (value) => {
      if (typeof value !== 'string') return 'is not a string'
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      return pathProblem(value)
    },
    { ...stringOf(1, maxLength), pattern: '^/', description: 'an absolute path, such as /a/b' },
  )
}

function pathProblem(text: string): string | undefined {
  // ARG-11
  if (!text.startsWith('/')) return 'does not begin with a slash'
  if (text === '/') return undefined
  if (text.endsWith('/')) return 'ends with a slash'
  if (text.includes('\\')) return 'has a backslash'
  // A server that decodes the path once more would find another path.
  if (text.includes('%')) return 'has a percent sign'
  // A URL's path ends there: `/data/..?` is `/`, and `/data/secret?/public` is `/data/secret`.
  if (/[?#]/.test(text)) return 'has a question mark or a number sign'
  if (!isVisible(text)) return 'has a control or invisible character'
  if (!isComposed(text)) return 'is not in normalization form C, or has a character with more than 30 combining marks'
  const segments = text.slice(1).split('/')
  if (segments.includes('')) return 'has an empty segment'
  if (segments.some(isStep)) return 'has a dot segment'
  if (/[?#]/.test(text.normalize('NFKC')))
    return 'has a character that other systems read as a question mark or a number sign'
  return foldedProblem(text)
}

/**
 * Returns the fault of a path in which NFKC introduces a slash, a backslash, a percent sign or a dot segment, or
 * undefined.
 *
 * @param text - begins with a slash, and has no backslash and no percent sign itself.
 */
export function foldedProblem(text: string): string | undefined {
  if (!isStreamSafe(text)) return 'has a character with more than 30 combining marks'
  const folded = text.normalize('NFKC')
  if (folded === text) return undefined
  const before = text.slice(1).split('/')
  const after = folded.slice(1).split('/')
  const moved =
    after.length !== before.length ||
    after.some((segment, at) => isStep(segment) && segment !== before[at]) ||
    /[\\%]/.test(folded)
  return moved ? 'has a character that other systems read as a slash, dots or a percent sign' : undefined
}

/**
 * Whether a segment has only dots, white space, combining marks and joiners. Some systems read it as `.` or `..`. The
 * same holds for a segment that begins so and continues with a character at which servers cut, such as `..;x`.
 */
export function isStep(segment: string): boolean {
  return /^[.\s\p{M}\u200c\u200d]*(?:[;?#]|$)/u.test(segment)
}
