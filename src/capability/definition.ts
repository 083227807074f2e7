/**
 * Definitions of commands: which arguments a command takes, and of which types.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../errors.ts'
import { anything, flag, maybe, type OptionChecks, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type Command, isCommand, parseCommand } from './command.ts'
import { absenceOf, isOptional, isStandardSchema, type SchemaOutput, type StandardSchema } from './standard-schema.ts'

/** An argument that may be absent. Made by `optional`, and by {@link defineCommand} of a schema that takes `undefined`. */
export interface OptionalSchema<Output = unknown> extends StandardSchema<Output> {
  /** Tells it from a schema whose argument must be there. */
  readonly optional: true
}

/** The declared arguments of a command: a schema for each name. */
export type ArgumentSchemas = { readonly [name: string]: StandardSchema }

/**
 * The arguments that schemas describe, as a type: absent where the schema is optional, and no others. Of a definition,
 * `ArgumentsOf<typeof send>`, they are those of its command.
 */
export type ArgumentsOf<Source extends ArgumentSchemas | CommandDefinition> =
  Source extends CommandDefinition<infer Args> ? Args : Source extends ArgumentSchemas ? Described<Source> : never

type Described<Schemas extends ArgumentSchemas> = {
  readonly [Name in keyof Schemas as MayBeAbsent<Schemas[Name]> extends true ? never : Name]: SchemaOutput<
    Schemas[Name]
  >
} & {
  readonly [Name in keyof Schemas as MayBeAbsent<Schemas[Name]> extends true ? Name : never]?: Exclude<
    SchemaOutput<Schemas[Name]>,
    undefined
  >
} extends infer Args
  ? { readonly [Name in keyof Args]: Args[Name] }
  : never

type MayBeAbsent<Schema extends StandardSchema> = Schema extends OptionalSchema
  ? true
  : undefined extends SchemaOutput<Schema>
    ? true
    : false

declare const argumentsType: unique symbol

/** A command together with the arguments it takes. `Args` is the type of the arguments that a handler is given. */
export interface CommandDefinition<Args = unknown> {
  /** The command, in normal form. */
  readonly command: Command
  /** The schema of each declared argument, by name. No other argument is taken. */
  readonly args: ArgumentSchemas
  /** What the command does, for people; one line. */
  readonly description?: string
  /** Whether doing it twice is the same as doing it once, so that its invocations need no nonce. */
  readonly idempotent?: boolean
  /** Carries the type; has no value. */
  readonly [argumentsType]?: Args
}

/** What {@link defineCommand} takes. */
export interface CommandDraft<Schemas extends ArgumentSchemas> {
  /** The command, such as `/mail/send`. */
  readonly command: string
  /** A schema for each argument. `{}` says that the command takes none. */
  readonly args: Schemas
  /** What the command does, for people; one line. */
  readonly description?: string
  /** Whether doing it twice is the same as doing it once. Default false: every invocation needs a nonce. */
  readonly idempotent?: boolean
}

/**
 * Declares a command. The definition is closed: an argument that is not declared is refused, and so is a schema that
 * gives back another value than it was given, because policy, schema and handler must see the one that was signed.
 *
 * An argument may be absent when its schema takes `undefined` (`z.string().optional()`) or is made by `optional`. A schema
 * with a default is refused: nobody signs a default. Put it where the argument is used.
 *
 * @throws ArgumentError when the command is none, a schema does not follow Standard Schema v1, or one has a default.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { email, integer, optional } from 'procura/arguments'
 *
 * const send = defineCommand({
 *   command: '/mail/send',
 *   args: { to: email(), copies: optional(integer({ min: 1, max: 5 })) },
 * })
 * ```
 */
export function defineCommand<const Schemas extends ArgumentSchemas>(
  draft: CommandDraft<Schemas>,
): CommandDefinition<ArgumentsOf<Schemas>> {
  const given = readOptions<CommandDraft<ArgumentSchemas>>('defineCommand', draft, draftForms)
  if (typeof given.args !== 'object' || given.args === null || isStandardSchema(given.args)) {
    throw new ArgumentError('a definition needs `command` and `args`, a schema by name; `{}` says that it takes none')
  }
  const command = readCommand(given.command)
  const args: Record<string, StandardSchema> = Object.create(null)
  for (const [name, schema] of Object.entries(given.args)) {
    // ARG-07: arguments travel as a map in DAG-CBOR, where this key is refused.
    if (name === '__proto__') throw new ArgumentError('an argument cannot be named `__proto__`')
    if (!isStandardSchema(schema)) {
      throw new ArgumentError(`argument ${quote(name)} of ${quote(command)} has no schema of Standard Schema v1`)
    }
    args[name] = withAbsence(schema, `argument ${quote(name)} of ${quote(command)}`)
  }
  return Object.freeze({
    command,
    args: Object.freeze(args),
    ...(given.description !== undefined && { description: given.description }),
    ...(given.idempotent === true ? { idempotent: true } : {}),
  })
}

const draftForms: OptionChecks<CommandDraft<ArgumentSchemas>> = Object.freeze({
  command: anything,
  args: anything,
  description: anything,
  idempotent: maybe(flag),
})

/** ARG-24: a schema is asked here whether its argument may be absent, so that a mistake shows where it is made. */
function withAbsence(schema: StandardSchema, named: string): StandardSchema {
  if (isOptional(schema)) return schema
  const absence = absenceOf(schema)
  // A schema that answers later is asked again when the argument is absent.
  if (typeof absence !== 'string') return schema
  if (absence === 'default') {
    throw new ArgumentError(
      `${named} has a default, which no call carries; use \`optional\` of procura/arguments and put the default into the handler`,
    )
  }
  return absence === 'allowed' ? Object.freeze({ '~standard': schema['~standard'], optional: true }) : schema
}

/**
 * The command that an option names.
 *
 * @throws MalformedError when it names none.
 */
export function commandOf<Args>(command: string | CommandDefinition<Args>): Command {
  return (command as CommandDefinition<Args> | undefined)?.command ?? parseCommand(command as string)
}

/**
 * The definitions by command. It is a Map, so that a command named like something every object inherits finds nothing
 * (`CMD-08`). A command is looked up as it is: `/mail` is not `/mail/send`.
 *
 * @throws ArgumentError when two definitions are of one command.
 */
export function commandTable(definitions: Iterable<CommandDefinition>): ReadonlyMap<Command, CommandDefinition> {
  const table = new Map<Command, CommandDefinition>()
  for (const definition of definitions) {
    if (!isCommand(definition?.command) || typeof definition.args !== 'object') {
      throw new ArgumentError('a command of a service is given by its definition; make one with defineCommand')
    }
    if (table.has(definition.command)) {
      throw new ArgumentError(`command ${quote(definition.command)} is defined twice`)
    }
    table.set(definition.command, definition)
  }
  return table
}

function readCommand(text: string): Command {
  try {
    return parseCommand(text)
  } catch (error) {
    if (error instanceof MalformedError) throw new ArgumentError(error.message, { cause: error })
    throw error
  }
}
