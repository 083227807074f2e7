import { secretKeyForm } from '../audit/privacy/hmac.ts'
import { type AuthorizeOptions, authorizeForms } from '../authorization/options.ts'
import { isCommand } from '../capability/command.ts'
import { ArgumentError } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
import {
  anything,
  callback,
  checkOptions,
  either,
  type Form,
  type Forms,
  flag,
  having,
  listOf,
  maybe,
  milliseconds,
  nearestName,
  table,
  text,
  whole,
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
  const given = checkOptions('createGuard', options, optionForms)
  const { vault } = given
  const audit = under<AuditOptions>('audit', given.audit ?? {}, auditForms)
  const deadlines = under('deadlines', given.deadlines ?? {}, deadlineForms)
  const commands = given.commands.map((definition, index) => {
    const of = isCommand(definition.command) ? `command ${quote(definition.command)}` : `\`commands[${index}]\``
    return checkOptions<GuardedCommand>(of, definition, commandForms, (what, named) =>
      wrong(named ? what : `${of}: ${what}`),
    )
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

/** The options of a part, told of under the names by which they are written. */
function under<Part>(part: string, options: Part, forms: Forms<NoInfer<Part>>): Part {
  return checkOptions(`createGuard: \`${part}\``, options, forms, (what, named) =>
    wrong(named ? what : what.replace('`', `\`${part}.`)),
  )
}

const { commands: _, onError: __, ...decisionForms } = authorizeForms

const optionForms: Forms<GuardOptions> = Object.freeze({
  ...decisionForms,
  commands: listOf(table),
  vault: maybe(having('use')),
  audit: maybe(table),
  receipts: maybe(having('sign')),
  deadlines: maybe(table),
  maxInFlight: maybe(whole(1)),
  tracer: maybe(having('startSpan')),
  onEvent: maybe(callback),
  onError: maybe(callback),
})

/** What is not recorded is not done: a sink there must be. */
const auditForms: Forms<AuditOptions> = Object.freeze({
  sink: having('append'),
  deadlineMs: maybe(milliseconds),
  maxInFlight: maybe(whole(1)),
  argumentKey: maybe(secretKeyForm),
  pseudonymize: maybe(callback),
  personalKeys: maybe(having('obtain')),
  recoverIntents: maybe(flag),
  denials: maybe(table),
})

const deadlineForms: Forms<GuardDeadlines> = Object.freeze({
  decisionMs: maybe(milliseconds),
  handlerMs: maybe(milliseconds),
  receiptMs: maybe(milliseconds),
  closeMs: maybe(milliseconds),
})

const isTable: Form = (value) =>
  typeof value === 'function' && Array.isArray((value as { readonly references?: unknown }).references)
    ? undefined
    : 'must be made by referenceTable'

const commandForms: Forms<GuardedCommand> = Object.freeze({
  command: text,
  args: anything,
  description: anything,
  idempotent: maybe(flag),
  credential: maybe(either(text, isTable)),
  show: maybe(listOf(text)),
  personal: maybe(listOf(text)),
})
