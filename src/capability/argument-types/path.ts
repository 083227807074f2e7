import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { isComposed, isStreamSafe, isVisible } from './characters.ts'

/** Options of {@link path}. */
export interface PathOptions {
  /** UTF-16 code units, at most. Default 4,096. */
  readonly maxLength?: number
}

/**
 * An absolute path with `/` between its segments. Canonical form: begins with a slash and does not end with one (but
 * for `/` itself); no empty, `.` or `..` segment, nor one of dots, white space, marks and joiners alone, also before a
 * semicolon; no backslash, percent sign, question mark or number sign; no control or hidden character; in normalization form C, and
 * nothing in it becomes one of these under NFKC. A path that matches `["like", ".path", "/data/*"]` is below `/data` as a
 * file and as the path of a URL, also for a server that decodes it once more or cuts off parameters after a semicolon.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function path(options: PathOptions = {}): StandardSchema<string> {
  const { maxLength = 4096 } = readOptions('path', options, { maxLength: maybe(numberFrom(0)) })
  return argumentType((value) => {
    if (typeof value !== 'string') return 'is not text'
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    return pathProblem(value)
  })
}

function pathProblem(text: string): string | undefined {
  // ARG-11
  if (!text.startsWith('/')) return 'does not begin with a slash'
  if (text === '/') return undefined
  if (text.endsWith('/')) return 'ends with a slash'
  if (text.includes('\\')) return 'has a backslash'
  // What decodes the path once more would find another path.
  if (text.includes('%')) return 'has a percent sign'
  // In a URL the path ends there: `/data/..?` is `/`, and `/data/secret?/public` is `/data/secret`.
  if (/[?#]/.test(text)) return 'has a question mark or a number sign'
  if (!isVisible(text)) return 'has a control or hidden character'
  if (!isComposed(text)) return 'is not in normalization form C, or has a character with more than 30 marks'
  const segments = text.slice(1).split('/')
  if (segments.includes('')) return 'has an empty segment'
  if (segments.some(isStep)) return 'has a segment of dots'
  if (/[?#]/.test(text.normalize('NFKC')))
    return 'has a character that other systems read as a question mark or a number sign'
  return foldedProblem(text)
}

/**
 * Says that NFKC makes a slash, a backslash, a percent sign or a segment of dots out of a path, or undefined.
 *
 * @param text - which begins with a slash, and has no backslash and no percent sign itself.
 */
export function foldedProblem(text: string): string | undefined {
  if (!isStreamSafe(text)) return 'has a character with more than 30 marks'
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
 * Dots and white space alone, which some systems take for `.` or `..`, with the marks and joiners that are shown as nothing
 * on a dot and that some systems leave out of names; or that before a character at which servers cut a segment or a path
 * off, as of the parameters in `..;x`.
 */
export function isStep(segment: string): boolean {
  return /^[.\s\p{M}\u200c\u200d]*(?:[;?#]|$)/u.test(segment)
}
