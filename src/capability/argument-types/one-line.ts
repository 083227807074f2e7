import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { isComposed, isVisible } from './characters.ts'

/** Options of {@link oneLine}. */
export interface OneLineOptions {
  /** UTF-16 code units, at most. Default 1,024. */
  readonly maxLength?: number
}

/**
 * One line of text, such as a subject or a title. Canonical form: normalization form C, without line ends, controls,
 * characters that change the direction of writing, and characters without width. It can be put into a header, a log or
 * a question to a person and stays what it seems.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function oneLine(options: OneLineOptions = {}): StandardSchema<string> {
  const { maxLength = 1024 } = readOptions('oneLine', options, { maxLength: maybe(numberFrom(0)) })
  return argumentType((value) => {
    // ARG-15
    if (typeof value !== 'string') return 'is not text'
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    if (!isVisible(value)) return 'has a line end, a control or a hidden character'
    return isComposed(value) ? undefined : 'is not in normalization form C, or has a character with more than 30 marks'
  })
}
