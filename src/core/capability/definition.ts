/**
 * Definitions of commands: the arguments that a command takes, and their types.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../../errors.ts'
import {
  anything,
  didString,
  flag,
  integerFrom,
  maybe,
  nonEmptyArrayOf,
  type OptionChecks,
  objectValue,
  orEmpty,
  readOptions,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { isDid } from '../did/did.ts'
import { type Command, isCommand, parseCommand } from './command.ts'
import { absenceOf, isOptional, isStandardSchema, type SchemaOutput, type StandardSchema } from './standard-schema.ts'

/**
 * An argument that may be absent. Made by `optional`, and by {@link defineCommand} of a schema that takes `undefined`.
 */
export interface OptionalSchema<Output = unknown> extends StandardSchema<Output> {
  /** Distinguishes it from the schema of a required argument. */
  readonly optional: true
}

/** The declared arguments of a command: a schema for each name. */
export type ArgumentSchemas = { readonly [name: string]: StandardSchema }

/**
 * The type of the arguments that schemas describe; an argument with an optional schema may be absent. Of a definition,
 * `ArgumentsOf<typeof send>`, the type of its command's arguments.
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

/** A command and its arguments. `Args` is the type of the arguments that a handler receives. */
export interface CommandDefinition<Args = unknown> {
  /** The command, in normal form. */
  readonly command: Command
  /** The schema of each declared argument, by name. */
  readonly args: ArgumentSchemas
  /**
   * The schema of arguments that are not declared. Default: they are refused. For tools of others whose JSON Schema
   * permits any (`commandOfTool`): a policy cannot restrict an argument that it does not know.
   */
  readonly others?: StandardSchema
  /** The effect of the command, for people; one line. */
  readonly description?: string
  /** Whether a repetition has no further effect, so that invocations need no nonce. */
  readonly idempotent?: boolean
  /**
   * Approvals that each call needs besides its chain. The service adds them where it lists its commands:
   * `{ ...definition, approvals: { approvers, threshold: 2 } }`.
   */
  readonly approvals?: ApprovalRule
  /** Contains the type only; has no value. */
  readonly [argumentsType]?: Args
}

/** Approvals that a command needs: see `procura/approval`. */
export interface ApprovalRule {
  /** The DIDs of the principals that can approve. */
  readonly approvers: readonly string[]
  /** How many of them have to approve each call. */
  readonly threshold: number
}

/** Options of {@link defineCommand}. */
export interface CommandDraft<Schemas extends ArgumentSchemas> {
  /** The command, such as `/mail/send`. */
  readonly command: string
  /** A schema for each argument; `{}` for a command without arguments. */
  readonly args: Schemas
  /** The effect of the command, for people; one line. */
  readonly description?: string
  /** Whether a repetition has no further effect. Default false: every invocation needs a nonce. */
  readonly idempotent?: boolean
}

/**
 * Declares a command. The definition is closed: a call with an undeclared argument is refused. A call is also refused
 * when a schema returns a value other than its input, because policy, schema and handler must all see the signed value.
 *
 * An argument may be absent when its schema accepts `undefined` (`z.string().optional()`) or is made by `optional`. A
 * schema with a default is refused: nobody signs a default. Apply the default in the handler.
 *
 * @throws ArgumentError when the command is malformed, a schema is not a Standard Schema v1, or a schema has a default.
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
  const given = readOptions<CommandDraft<ArgumentSchemas>>('defineCommand', draft, draftChecks)
  if (typeof given.args !== 'object' || given.args === null || isStandardSchema(given.args)) {
    throw new ArgumentError(
      'defineCommand: `args` must be an object with a schema for each argument; use `{}` for a command without arguments',
    )
  }
  const command = readCommand(given.command)
  const args: Record<string, StandardSchema> = Object.create(null)
  for (const [name, schema] of Object.entries(given.args)) {
    // ARG-07: arguments are a map in DAG-CBOR, where this key is refused.
    if (name === '__proto__') throw new ArgumentError('defineCommand: `args` must not have the name `__proto__`')
    if (!isStandardSchema(schema)) {
      throw new ArgumentError(
        `argument ${quote(name)} of ${quote(command)} must be a Standard Schema, such as \`text()\``,
      )
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

const draftChecks: OptionChecks<CommandDraft<ArgumentSchemas>> = Object.freeze({
  command: anything,
  args: orEmpty(anything),
  description: anything,
  idempotent: maybe(flag),
})

/** ARG-24: tests at the definition whether the argument may be absent, so that a mistake is found where it is made. */
function withAbsence(schema: StandardSchema, named: string): StandardSchema {
  if (isOptional(schema)) return schema
  const absence = absenceOf(schema)
  // An asynchronous schema is tested again when the argument is absent.
  if (typeof absence !== 'string') return schema
  if (absence === 'default') {
    throw new ArgumentError(
      `${named} must not have a default, because no call is signed with it; use \`optional\` of procura/arguments and a default in the handler`,
    )
  }
  return absence === 'allowed' ? Object.freeze({ '~standard': schema['~standard'], optional: true }) : schema
}

/**
 * The command of an option that is a definition or a text.
 *
 * @throws MalformedError when the command is malformed.
 */
export function commandOf<Args>(command: string | CommandDefinition<Args>): Command {
  return (command as CommandDefinition<Args> | undefined)?.command ?? parseCommand(command as string)
}

/**
 * The definitions by command. It is a Map, so a command with the name of an inherited property is not found (`CMD-08`).
 * Commands are compared exactly: `/mail` does not find `/mail/send`.
 *
 * @returns copies of the definitions, without a prototype.
 * @throws ArgumentError when an item is not a definition, has an unknown name, or two have the same command.
 */
export function commandTable(definitions: Iterable<CommandDefinition>): ReadonlyMap<Command, CommandDefinition> {
  const table = new Map<Command, CommandDefinition>()
  for (const definition of definitions) {
    if (!isCommand(definition?.command) || typeof definition.args !== 'object') {
      throw new ArgumentError('`commands` must contain definitions; make them with defineCommand')
    }
    const of = `command ${quote(definition.command)}`
    if (table.has(definition.command)) throw new ArgumentError(`${of} is defined twice`)
    table.set(definition.command, withRule(readOptions<CommandDefinition>(of, definition, definitionChecks)))
  }
  return table
}

/** A misspelled `approvals` would be a command without approvals. */
const definitionChecks: OptionChecks<CommandDefinition> = Object.freeze({
  command: anything,
  args: objectValue,
  others: maybe(objectValue),
  description: anything,
  idempotent: maybe(flag),
  approvals: maybe(objectValue),
})

/** APR-63: copies the rule of approvals, so that it cannot be changed later. */
function withRule(definition: CommandDefinition): CommandDefinition {
  if (definition.approvals === undefined) return Object.freeze(definition)
  const of = `the \`approvals\` of ${quote(definition.command)}`
  const { approvers, threshold } = readOptions<ApprovalRule>(of, definition.approvals, ruleChecks)
  const rule = { approvers: Object.freeze(approvers.map((did) => parseApprover(of, did))), threshold }
  if (new Set(rule.approvers).size < threshold)
    throw new ArgumentError(`${of} must list at least as many different \`approvers\` as the \`threshold\``)
  return Object.freeze(Object.assign(definition, { approvals: Object.freeze(rule) }))
}

const ruleChecks: OptionChecks<ApprovalRule> = Object.freeze({
  approvers: nonEmptyArrayOf(didString),
  threshold: integerFrom(1),
})

function parseApprover(of: string, did: string): string {
  if (isDid(did)) return did
  throw new ArgumentError(`${of}: ${quote(did)} is not a DID`)
}

function readCommand(text: string): Command {
  try {
    return parseCommand(text)
  } catch (error) {
    if (error instanceof MalformedError) throw new ArgumentError(error.message, { cause: error })
    throw error
  }
}
