import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { isWellFormed } from './characters.ts'

/** Options of {@link text}. */
export interface TextOptions {
  /** UTF-16 code units, at least. Default 0. */
  readonly minLength?: number
  /** UTF-16 code units, at most. Default 65,536. */
  readonly maxLength?: number
}

/**
 * Any text. It has no canonical form beyond being well-formed Unicode, so `like` on it is only as good as what reads
 * the text later: for paths, URLs, addresses and names there are types of their own.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function text(options: TextOptions = {}): StandardSchema<string> {
  const { minLength = 0, maxLength = 65_536 } = readOptions('text', options, {
    minLength: maybe(numberFrom(0)),
    maxLength: maybe(numberFrom(0)),
  })
  return argumentType((value) => {
    // ARG-10
    if (typeof value !== 'string') return 'is not text'
    if (value.length < minLength) return `has fewer than ${minLength} characters`
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    return isWellFormed(value) ? undefined : 'is not well-formed Unicode'
  })
}
