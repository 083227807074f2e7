import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/** Options of {@link shellWord}. */
export interface ShellWordOptions {
  /** Characters, at most. Default 1,024. */
  readonly maxLength?: number
}

/**
 * One word of a command line that a shell takes as it stands. Canonical form: letters, digits and `_ @ % + = : , . / -`,
 * at least one, and not beginning with a hyphen, so that it is no option. Pass it to a program as one argument all the
 * same; the type is the second line of defence.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function shellWord(options: ShellWordOptions = {}): StandardSchema<string> {
  const { maxLength = 1024 } = readOptions('shellWord', options, { maxLength: maybe(numberFrom(0)) })
  return argumentType((value) => {
    // ARG-17
    if (typeof value !== 'string') return 'is not text'
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    if (!/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return 'has a character that a shell reads, or is empty'
    return value.startsWith('-') ? 'begins with a hyphen' : undefined
  })
}
