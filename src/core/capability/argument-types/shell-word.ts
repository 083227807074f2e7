import { numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { stringOf } from './json-schema.ts'

/** Options of {@link shellWord}. */
export interface ShellWordOptions {
  /** Most UTF-16 code units. Default 1,024. */
  readonly maxLength?: number
}

/**
 * One word of a command line that a shell does not interpret. Canonical form: one or more letters, digits and
 * `_ @ % + = : , . / -`. It does not begin with a hyphen, so a program does not take it for an option. Still pass it to
 * a program as a separate argument; this type is the second line of defence.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function shellWord(options: ShellWordOptions = {}): ArgumentType<string> {
  const { maxLength } = readOptions('shellWord', options, { maxLength: withDefault(numberFrom(0), 1024) })
  return argumentType(
    (value) => {
      // ARG-17
      if (typeof value !== 'string') return 'is not a string'
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      if (!/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return 'is empty or has a character that a shell interprets'
      return value.startsWith('-') ? 'begins with a hyphen' : undefined
    },
    { ...stringOf(1, maxLength), pattern: '^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$' },
  )
}
