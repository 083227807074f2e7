import { sinkCheck } from '../audit/configuration.ts'
import { secretKeyCheck } from '../audit/privacy/hmac.ts'
import { type AuthorizeOptions, authorizeChecks } from '../authorization/options.ts'
import { isCommand } from '../capability/command.ts'
import { ArgumentError } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
import {
  anything,
  arrayOf,
  callback,
  either,
  flag,
  integerFrom,
  maybe,
  milliseconds,
  nearestName,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { Vault } from '../vault/vault.ts'
import type { AuditOptions } from './audit-trail.ts'
import { credentialsOf, type GuardedCommand } from './command.ts'
import type { TelemetryOptions } from './telemetry.ts'

/** How long a guard waits, in milliseconds. */
export interface GuardDeadlines {
  /** For a decision: stores, resolvers, schemas. Default 2,000; then the call is refused. */
  readonly decisionMs?: number
  /** For a handler. Default 30,000; then its signal fires, and the call counts as ended in a way nobody knows. */
  readonly handlerMs?: number
  /** For a receipt to be signed. Default 2,000; then the call ends without one. */
  readonly receiptMs?: number
  /**
   * For the calls that are under way when the guard closes, and then for the sink. Default 5,000 each; then the signals of
   * the calls fire, and closing fails.
   */
  readonly closeMs?: number
}

/** How a service is guarded: how calls are decided (see {@link AuthorizeOptions}), and what comes with a yes. */
export interface GuardOptions<Args = unknown> extends Omit<AuthorizeOptions, 'commands' | 'onError'>, TelemetryOptions {
  /** The commands of the service, each with the credential it uses and what of it may be recorded. */
  readonly commands: readonly GuardedCommand<Args>[]
  /** Where credentials are. Needed when a command uses one. */
  readonly vault?: Vault
  /** Where records go. */
  readonly audit: AuditOptions
  /** Who signs receipts, usually the service itself; see {@link GuardResult}. Default: nobody, and there are none. */
  readonly receipts?: Signer
  /** How long it waits. */
  readonly deadlines?: GuardDeadlines
  /** Most calls under way at a time; one more is refused. Default 1,000. */
  readonly maxInFlight?: number
}

/** The options of a service with several commands, each with arguments of its own: a type of arguments for each. */
export type GuardOptionsFor<List extends readonly unknown[]> = Omit<GuardOptions, 'commands'> & {
  /** The commands of the service, each with the credential it uses and what of it may be recorded. */
  readonly commands: { readonly [Index in keyof List]: GuardedCommand<List[Index]> }
}

/**
 * Reads options, and finds in them what would fail at the first call.
 *
 * @throws ArgumentError that says which option, and what to do.
 */
export function checkGuardOptions(options: GuardOptions): GuardOptions {
  const given = readOptions('createGuard', options, optionChecks)
  const { vault } = given
  const audit = readOptions<AuditOptions>('createGuard: `audit`', given.audit ?? {}, auditChecks)
  const deadlines = readOptions('createGuard: `deadlines`', given.deadlines ?? {}, deadlineChecks)
  const commands = given.commands.map((definition, index) => {
    const of = isCommand(definition.command) ? `command ${quote(definition.command)}` : `\`commands[${index}]\``
    return readOptions<GuardedCommand>(of, definition, commandChecks)
  })
  for (const definition of commands) {
    const { command } = definition
    checkNames(definition, 'show')
    checkNames(definition, 'personal')
    for (const credential of credentialsOf(definition)) {
      // GRD-09
      if (vault === undefined) throw wrong(`\`${command}\` uses a credential, and there is no \`vault\``)
      if (vault.references?.includes(credential) !== false) continue
      throw wrong(
        `the \`credential\` of \`${command}\` is not one of the vault; ${choice(credential, vault.references)}`,
      )
    }
  }
  if (audit.recoverIntents && audit.sink.history === undefined) {
    throw wrong('`audit.recoverIntents` needs a sink whose log can be read back; the log of `audit.sink` cannot')
  }
  return { ...given, commands, audit, deadlines }
}

/** What there is to choose from. What was given is not shown: it may be a secret in the place of its name. */
function choice(given: string, names: readonly string[]): string {
  const near = nearestName(given, names)
  const hint = near === undefined ? '' : `did you mean ${quote(near)}? `
  return `${hint}it has ${names.map((name) => quote(name)).join(', ') || 'none'}`
}

/** What is recorded is named by argument; a name that is none would be left out of every record, and nobody told. */
function checkNames(definition: GuardedCommand, option: 'show' | 'personal'): void {
  const { args, command } = definition
  if (typeof args !== 'object' || args === null) return
  const unknown = definition[option]?.find((name) => !Object.hasOwn(args, name.split('.')[0] as string))
  if (unknown === undefined) return
  throw wrong(
    `command ${quote(command)}: \`${option}\` has a name that is no argument of it; ${choice(unknown, Object.keys(args))}`,
  )
}

function wrong(what: string): ArgumentError {
  return new ArgumentError(what)
}

const { commands: _, onError: __, ...decisionChecks } = authorizeChecks

const optionChecks: OptionChecks<GuardOptions> = Object.freeze({
  ...decisionChecks,
  commands: arrayOf(objectValue),
  vault: maybe(withMethod('use')),
  audit: maybe(objectValue),
  receipts: maybe(withMethod('sign')),
  deadlines: maybe(objectValue),
  maxInFlight: maybe(integerFrom(1)),
  tracer: maybe(withMethod('startSpan')),
  onEvent: maybe(callback),
  onError: maybe(callback),
})

/** What is not recorded is not done: a sink there must be. */
const auditChecks: OptionChecks<AuditOptions> = Object.freeze({
  sink: sinkCheck,
  deadlineMs: maybe(milliseconds),
  maxInFlight: maybe(integerFrom(1)),
  argumentKey: maybe(secretKeyCheck),
  pseudonymize: maybe(callback),
  personalKeys: maybe(withMethod('obtain')),
  recoverIntents: maybe(flag),
  denials: maybe(objectValue),
})

const deadlineChecks: OptionChecks<GuardDeadlines> = Object.freeze({
  decisionMs: maybe(milliseconds),
  handlerMs: maybe(milliseconds),
  receiptMs: maybe(milliseconds),
  closeMs: maybe(milliseconds),
})

const isTable: OptionCheck = (value) =>
  typeof value === 'function' && Array.isArray((value as { readonly references?: unknown }).references)
    ? undefined
    : 'must be made by referenceTable'

const commandChecks: OptionChecks<GuardedCommand> = Object.freeze({
  command: nonEmptyString,
  args: anything,
  description: anything,
  idempotent: maybe(flag),
  credential: maybe(either(nonEmptyString, isTable)),
  show: maybe(arrayOf(nonEmptyString)),
  personal: maybe(arrayOf(nonEmptyString)),
})
