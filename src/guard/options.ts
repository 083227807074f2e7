import { sinkCheck } from '../audit/configuration.ts'
import type { Ledger } from '../audit/ledger/create-ledger.ts'
import { secretKeyCheck } from '../audit/privacy/hmac.ts'
import { anyAudience } from '../core/authorization/any-audience.ts'
import { type AuthorizeOptions, authorizeChecks, type DeciderOptions } from '../core/authorization/options.ts'
import { isCommand } from '../core/capability/command.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { Did } from '../core/did/did.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError } from '../errors.ts'
import { nearestName } from '../support/nearest-name.ts'
import {
  anything,
  arrayOf,
  callback,
  type DefaultCheck,
  either,
  flag,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  orEmpty,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { systemClock } from '../time.ts'
import type { Vault } from '../vault/vault.ts'
import type { AuditOptions, CheckedAuditOptions } from './audit-options.ts'
import { credentialsOf, type GuardedCommand, type PersonalArguments, personalFields } from './command.ts'
import { limitedResolver } from './limited-resolver.ts'
import type { TelemetryOptions } from './telemetry.ts'

/** Time limits of a guard, in milliseconds. */
export interface GuardDeadlines {
  /** For a decision, with its stores, resolvers and schemas. Default 2,000; then the call is refused. */
  readonly decisionMs?: number
  /** For a handler. Default 30,000; then its signal is aborted, and the outcome of the call is `unknown`. */
  readonly handlerMs?: number
  /** For the signature of a receipt. Default 2,000; then the call ends without a receipt. */
  readonly receiptMs?: number
  /**
   * For the calls in progress when the guard closes, and then for the sink. Default 5,000 each; then the signals of the
   * calls are aborted, and closing fails.
   */
  readonly closeMs?: number
}

/**
 * Returns whether the service acts for a subject; any result but `true` refuses the call. An error, or an answer after
 * `decisionMs`, refuses the call too. It is asked for each call that is signed and permitted by its chain, before the
 * call is claimed in the replay store. It is also asked for a signed call that is refused: the answer decides whether
 * the record counts the caller as a stranger.
 */
export type SubjectFunction = (
  subject: Did,
  options: { readonly signal?: AbortSignal | undefined },
) => boolean | Promise<boolean>

/**
 * Returns whether a DID is one of the service's own, to which calls are addressed; any result but `true` refuses the
 * call, and so does an error, or an answer after `decisionMs`. It is asked at the same time as a
 * {@link SubjectFunction}, and before it. Accept no DID of another service: a call to that service would be executed
 * here.
 */
export type AudienceFunction = (
  audience: Did,
  options: { readonly signal?: AbortSignal | undefined },
) => boolean | Promise<boolean>

/** Options of a guard: those of a decision (see {@link AuthorizeOptions}), and those of the work after it. */
export interface GuardOptions<Args = unknown>
  extends Omit<AuthorizeOptions, 'audience' | 'commands' | 'onError' | 'subjects'>,
    TelemetryOptions {
  /**
   * The DID of this service, or a list of them, as for an authorizer; or a function, for a service that has a DID for
   * each tenant, and gets tenants while it runs.
   */
  readonly audience: AuthorizeOptions['audience'] | AudienceFunction
  /**
   * The DIDs for which this service acts, or `anySubject`, as for an authorizer; or a function, for owners that are
   * added while the service runs.
   */
  readonly subjects: AuthorizeOptions['subjects'] | SubjectFunction
  /** The commands of the service, each with its credential and the arguments that may be recorded. */
  readonly commands: readonly GuardedCommand<Args>[]
  /** The vault of the credentials. Required when a command uses one. */
  readonly vault?: Vault
  /** Where records go. */
  readonly audit: AuditOptions
  /**
   * Records the delegations of each allowed call, before its handler runs. If the record fails, the handler does not
   * run, and the call rejects with the error of the ledger. Not together with `rememberProofs`. Default: only the audit
   * log names them, by their CIDs.
   */
  readonly ledger?: Pick<Ledger, 'used'>
  /**
   * Signs receipts, usually the service itself; see {@link GuardResult}. Of a list, the signer with the audience of the
   * call signs, or else the first: for a service that still accepts calls to a former DID. Without it there are no
   * receipts.
   */
  readonly receipts?: Signer | readonly Signer[]
  /** Time limits. Default: those of {@link GuardDeadlines}. */
  readonly deadlines?: GuardDeadlines
  /** Most concurrent calls; a further one is refused. At most half of them wait for `resolver`. Default 1,000. */
  readonly maxInFlight?: number
}

/** The options of a service with several commands, with a type of arguments for each. */
export type GuardOptionsFor<List extends readonly unknown[]> = Omit<GuardOptions, 'commands'> & {
  /** The commands of the service, each with its credential and the arguments that may be recorded. */
  readonly commands: { readonly [Index in keyof List]: GuardedCommand<List[Index]> }
}

/** Options of a guard with their defaults. */
export type CheckedOptions = Omit<GuardOptions, 'audience' | 'audit' | 'deadlines' | 'subjects'> &
  Pick<AuthorizeOptions, 'subjects'> &
  Pick<DeciderOptions, 'audience'> &
  Required<Pick<GuardOptions, 'clock' | 'maxInFlight'>> & {
    /** Accepts audiences at run time; undefined if they are listed. */
    readonly isOwn: AudienceFunction | undefined
    /** Accepts subjects at run time; undefined if they are listed. */
    readonly accepts: SubjectFunction | undefined
    readonly audit: CheckedAuditOptions
    readonly deadlines: Required<GuardDeadlines>
  }

/**
 * Reads options, and reports configuration errors that would otherwise fail the first call.
 *
 * @throws ArgumentError that names the option and the remedy.
 */
export function checkGuardOptions(options: GuardOptions): CheckedOptions {
  const given = readOptions('createGuard', options, guardChecks)
  const { audience, subjects, vault } = given
  if (typeof Object(given.audit).append === 'function')
    throw new ArgumentError('createGuard: `audit` must be an object with a `sink`: `audit: { sink }`')
  const audit = readOptions<AuditOptions, typeof auditChecks>('createGuard: `audit`', given.audit ?? {}, auditChecks)
  const deadlines = readOptions('createGuard: `deadlines`', given.deadlines, deadlineChecks)
  const commands = given.commands.map((definition, index) => {
    const of = isCommand(definition.command) ? `command ${quote(definition.command)}` : `\`commands[${index}]\``
    return readOptions<GuardedCommand>(of, definition, commandChecks)
  })
  for (const definition of commands) {
    checkPersonal(definition)
    checkNames(definition, 'show')
    checkNames(definition, 'personal')
    checkCredentials(definition, vault)
  }
  if (audit.recoverIntents && audit.sink.history === undefined) {
    throw new ArgumentError(
      '`audit.recoverIntents` requires a sink whose log can be read back; `audit.sink` has no `history`',
    )
  }
  if (given.ledger !== undefined && given.rememberProofs)
    throw new ArgumentError(
      '`ledger` records the delegations that come with a call, and `rememberProofs` accepts calls without them; leave out one of the two',
    )
  const isAsked = typeof subjects === 'function'
  const { maxInFlight, resolver } = given
  return {
    ...given,
    ...(resolver !== undefined && { resolver: limitedResolver(resolver, Math.ceil(maxInFlight / 2)) }),
    ...(typeof audience === 'function' ? { audience: anyAudience, isOwn: audience } : { audience, isOwn: undefined }),
    subjects: isAsked ? anySubject : subjects,
    accepts: isAsked ? subjects : undefined,
    commands,
    audit,
    deadlines,
  }
}

function checkCredentials(definition: GuardedCommand, vault: Vault | undefined): void {
  const { command, credential } = definition
  if (typeof credential === 'function' && vault === undefined)
    throw new ArgumentError(`\`${command}\` uses a credential, and \`vault\` is missing`)
  for (const credential of credentialsOf(definition)) {
    // GRD-09
    if (vault === undefined) throw new ArgumentError(`\`${command}\` uses a credential, and \`vault\` is missing`)
    if (vault.references?.includes(credential) !== false) continue
    throw new ArgumentError(
      `the \`credential\` of \`${command}\` does not name a credential of the vault: ${choice(credential, vault.references)}; use one of its names, or add the credential to the vault`,
    )
  }
}

/** The names to choose from. The given one is not shown: it may be a secret in the place of its name. */
function choice(given: string, names: readonly string[]): string {
  const near = nearestName(given, names)
  const hint = near === undefined ? '' : `did you mean ${quote(near)}? `
  return `${hint}it has ${names.map((name) => quote(name)).join(', ') || 'none'}`
}

function checkPersonal({ command, personal }: GuardedCommand): void {
  if (personal === undefined || Array.isArray(personal)) return
  readOptions(`command ${quote(command)}: \`personal\``, personal as PersonalArguments, personalChecks)
}

/** An unknown name would be missing from every record, without an error. */
function checkNames(definition: GuardedCommand, option: 'show' | 'personal'): void {
  const { args, command } = definition
  if (typeof args !== 'object' || args === null) return
  const names = option === 'personal' ? personalFields(definition) : definition.show
  const unknown = names?.find((name) => !Object.hasOwn(args, name.split('.')[0] as string))
  if (unknown === undefined) return
  throw new ArgumentError(
    `command ${quote(command)}: \`${option}\` names an unknown argument; ${choice(unknown, Object.keys(args))}`,
  )
}

const { commands: _, onError: __, subjects: listedSubjects, ...decisionChecks } = authorizeChecks

/** The checks of {@link GuardOptions}. */
export const guardChecks: OptionChecks<GuardOptions> & {
  readonly [Name in 'clock' | 'deadlines' | 'maxInFlight']: DefaultCheck
} = Object.freeze({
  ...decisionChecks,
  subjects: (value) =>
    typeof value !== 'function' && listedSubjects(value) !== undefined
      ? 'must be a list of DIDs, a function, or anySubject'
      : undefined,
  clock: withDefault(withMethod('now'), systemClock),
  ledger: maybe(withMethod('used')),
  commands: arrayOf(objectValue),
  vault: maybe(withMethod('use')),
  audit: orEmpty(maybe(objectValue)),
  receipts: maybe(either(withMethod('sign'), nonEmptyArrayOf(withMethod('sign')))),
  deadlines: withDefault(objectValue, Object.freeze({})),
  maxInFlight: withDefault(integerFrom(1), 1_000),
  tracer: maybe(withMethod('startSpan')),
  onEvent: maybe(callback),
  onError: maybe(callback),
})

/** A sink is required: a guard does nothing that is not recorded. */
const auditChecks = Object.freeze({
  sink: sinkCheck,
  deadlineMs: withDefault(milliseconds, 500),
  maxInFlight: withDefault(integerFrom(1), 1_000),
  argumentKey: maybe(secretKeyCheck),
  pseudonymize: maybe(callback),
  personalKeys: maybe(withMethod('obtain')),
  recoverIntents: maybe(flag),
  denials: maybe(objectValue),
}) satisfies OptionChecks<AuditOptions>

const deadlineChecks = Object.freeze({
  decisionMs: withDefault(milliseconds, 2_000),
  handlerMs: withDefault(milliseconds, 30_000),
  receiptMs: withDefault(milliseconds, 2_000),
  closeMs: withDefault(milliseconds, 5_000),
}) satisfies OptionChecks<GuardDeadlines>

const isChoice: OptionCheck = (value) =>
  typeof value === 'function' ? undefined : 'must be made by referenceTable, or be a function'

const personalChecks: OptionChecks<PersonalArguments> = Object.freeze({
  fields: arrayOf(nonEmptyString),
  of: callback,
})

const commandChecks: OptionChecks<GuardedCommand> = Object.freeze({
  command: nonEmptyString,
  args: anything,
  others: maybe(objectValue),
  description: anything,
  idempotent: maybe(flag),
  credential: maybe(either(nonEmptyString, isChoice)),
  requests: maybe(integerFrom(1, 1_000)),
  show: maybe(arrayOf(nonEmptyString)),
  personal: maybe(either(arrayOf(nonEmptyString), objectValue)),
  approvals: anything,
})
