import { secretKeyForm } from '../audit/hmac.ts'
import type { AuthorizeOptions } from '../authorization/options.ts'
import {
  callback,
  checkOptions,
  either,
  type Form,
  having,
  listOf,
  maybe,
  milliseconds,
  table,
  text,
  whole,
} from '../check-options.ts'
import { ArgumentError, quote } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
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
 * Finds in options what would fail at the first call.
 *
 * @throws {@link ArgumentError} that says which option, and what to do.
 */
export function checkGuardOptions(options: GuardOptions): void {
  checkOptions(options, optionForms, wrong)
  const { commands, vault, audit, deadlines = {} } = options
  checkOptions(under('audit', audit), auditForms, wrong)
  checkOptions(under('deadlines', deadlines), deadlineForms, wrong)
  for (const definition of commands as readonly GuardedCommand[]) {
    const { command } = definition
    checkOptions(definition, commandForms, (what) => wrong(`command ${quote(String(command))}: ${what}`))
    checkNames(definition, 'show')
    checkNames(definition, 'personal')
    for (const credential of credentialsOf(definition)) {
      // GRD-09
      if (vault === undefined) throw wrong(`\`${command}\` uses a credential, and there is no \`vault\``)
      if (vault.references?.includes(credential) !== false) continue
      const held = vault.references.map((name) => quote(name)).join(', ')
      throw wrong(
        `\`${command}\` uses the credential ${quote(credential)}, which the vault does not hold; it has ${held || 'none'}`,
      )
    }
  }
}

/** What is recorded is named by argument; a name that is none would be left out of every record, and nobody told. */
function checkNames(definition: GuardedCommand, option: 'show' | 'personal'): void {
  const { args, command } = definition
  if (typeof args !== 'object' || args === null) return
  const unknown = definition[option]?.find((name) => !Object.hasOwn(args, name.split('.')[0] as string))
  if (unknown === undefined) return
  const declared = Object.keys(args)
    .map((name) => quote(name))
    .join(', ')
  throw wrong(
    `command ${quote(command)}: \`${option}\` names ${quote(unknown)}, which is no argument of it; it has ${declared || 'none'}`,
  )
}

function wrong(what: string): ArgumentError {
  return new ArgumentError(what)
}

/** The options of a part, under the names by which they are written. */
function under(part: string, options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options ?? {}).map(([name, value]) => [`${part}.${name}`, value]))
}

/** An object with this method. One that is still being made, as sinks and vaults of files are, is the usual mistake. */
function ready(method: string): Form {
  return (value) => (having('then')(value) === undefined ? 'is a promise; await it' : having(method)(value))
}

const optionForms: Readonly<Record<string, Form>> = Object.freeze({
  commands: listOf(table),
  vault: maybe(ready('use')),
  audit: maybe(table),
  receipts: maybe(ready('sign')),
  deadlines: maybe(table),
  maxInFlight: maybe(whole(1)),
  tracer: maybe(having('startSpan')),
  onEvent: maybe(callback),
  onError: maybe(callback),
})

/** What is not recorded is not done: a sink there must be. */
const auditForms: Readonly<Record<string, Form>> = Object.freeze({
  'audit.sink': ready('append'),
  'audit.deadlineMs': maybe(milliseconds),
  'audit.maxInFlight': maybe(whole(1)),
  'audit.argumentKey': maybe(secretKeyForm),
  'audit.pseudonymize': maybe(callback),
  'audit.personalKeys': maybe(having('obtain')),
  'audit.denials': maybe(table),
})

const deadlineForms: Readonly<Record<string, Form>> = Object.freeze({
  'deadlines.decisionMs': maybe(milliseconds),
  'deadlines.handlerMs': maybe(milliseconds),
  'deadlines.receiptMs': maybe(milliseconds),
  'deadlines.closeMs': maybe(milliseconds),
})

const isTable: Form = (value) =>
  typeof value === 'function' && Array.isArray((value as { readonly references?: unknown }).references)
    ? undefined
    : 'must be made by referenceTable'

const commandForms: Readonly<Record<string, Form>> = Object.freeze({
  command: text,
  credential: maybe(either(text, isTable)),
  show: maybe(listOf(text)),
  personal: maybe(listOf(text)),
})
