import { numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { isComposed, isVisible } from './characters.ts'
import { stringOf } from './json-schema.ts'

/** Options of {@link oneLine}. */
export interface OneLineOptions {
  /** Most UTF-16 code units. Default 1,024. */
  readonly maxLength?: number
}

/**
 * A string on one line, such as a name, a subject or a title. Canonical form: normalization form C, without line
 * breaks, controls, characters that change the direction of writing, and invisible characters. It is displayed as it is
 * in a header, a log or a question to a person.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function oneLine(options: OneLineOptions = {}): ArgumentType<string> {
  const { maxLength } = readOptions('oneLine', options, { maxLength: withDefault(numberFrom(0), 1024) })
  return argumentType(
    (value) => {
      // ARG-15
      if (typeof value !== 'string') return 'is not a string'
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      if (!isVisible(value)) return 'has a line break, a control or an invisible character'
      return isComposed(value)
        ? undefined
        : 'is not in normalization form C, or has a character with more than 30 combining marks'
    },
    { ...stringOf(0, maxLength), description: 'one line of text' },
  )
}
