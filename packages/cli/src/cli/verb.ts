import type { Host } from './host.ts'
import { UsageError } from './usage-error.ts'

/** An option of a verb. */
export interface VerbOption {
  /** Without the dashes. */
  readonly name: string
  /** One letter, which is written with one dash. */
  readonly short?: string
  /** The kind of its value, as the help shows it: `FILE`, `DID`, …. Absent for an option without a value. */
  readonly value?: string
  /** Whether it may be given more than once. */
  readonly many?: true
  /** The values that it takes, if they are few. */
  readonly choices?: readonly string[]
  /** Its meaning and default, for the help. */
  readonly about: string
}

/** The values of the options that were given, by name. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** One thing that the program does. The help, the parser and the completions of shells are made of it. CLI-01 */
export interface Verb {
  /** One or two words: `key new`. */
  readonly name: string
  /** The words behind it, as the help shows them: `FILE`, `[FILE]`. */
  readonly operands: string
  /** One line without a full stop. */
  readonly about: string
  readonly options: readonly VerbOption[]
  /** A command line, for the help. */
  readonly example: string
  /** The meaning of exit code 1, if the verb has it. */
  readonly negative?: string
  /**
   * Does it. Its modules are loaded here, so that the help does not wait for them.
   *
   * @returns the exit code.
   */
  run(words: readonly string[], flags: Flags, host: Host): Promise<number>
}

/** The value of an option, or undefined. */
export function textOf(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

/** The values of an option that may be repeated. */
export function textsOf(flags: Flags, name: string): readonly string[] {
  const value = flags[name]
  return Array.isArray(value) ? (value as readonly string[]) : []
}

/** The value of an option that has to be given. */
export function neededOf(flags: Flags, name: string, what: string): string {
  const value = textOf(flags, name)
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing: ${what}`)
  return value
}

/** The one word behind a verb. */
export function operandOf(words: readonly string[], what: string): string {
  const [word, ...more] = words
  if (word === undefined || word === '') throw new UsageError(`${what} is missing`)
  if (more.length > 0) throw new UsageError(`too many words; pass ${what} alone`)
  return word
}
