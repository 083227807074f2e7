import type { AuthorizationFacts } from '../../core/authorization/authorization.ts'
import type { Denial } from '../../core/authorization/denial.ts'
import { cidText } from '../../core/ipld/cid-text.ts'
import { isCid } from '../../core/ipld/value.ts'
import {
  arrayOf,
  callback,
  maybe,
  nonEmptyString,
  numberFrom,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { modeCheck, timeCheck } from '../configuration.ts'
import { discloseArguments } from '../privacy/disclose-arguments.ts'
import { argumentSalt, hashArguments } from '../privacy/hash-arguments.ts'
import { type SecretKey, secretKeyCheck } from '../privacy/hmac.ts'
import { type Pseudonymizer, pseudonymizeEvent } from '../privacy/pseudonym.ts'
import { type AuditMode, type CallFacts, type DeniedEvent, type IntentEvent, newEventId } from './event.ts'

/** The facts of a call that may be recorded, and their form. */
export interface AuditPrivacy {
  /** Key from which the salts of argument hashes are derived, see `argumentSalt`. Without it no hash is recorded. */
  readonly argumentsKey?: SecretKey
  /** Names of the arguments that are recorded in clear, for each command. Others are not recorded. */
  readonly disclose?: ReadonlyMap<string, readonly string[]>
  /** Replaces DIDs by pseudonyms. */
  readonly pseudonymize?: Pseudonymizer
}

/** Options of {@link intentEvent}. */
export interface IntentEventOptions {
  /** The `Authorization` of the call. */
  readonly authorization: AuthorizationFacts
  readonly time: Timestamp
  readonly privacy?: AuditPrivacy
  /** Name of the credential that the call will use. */
  readonly vault?: string
  /** The `traceparent` of the request. */
  readonly trace?: string
  readonly mode?: AuditMode
  /** Time after which no outcome is recorded. Default a day after `time`. */
  readonly outcomeBy?: Timestamp
}

/**
 * Makes the event of a call that is about to be made. PRV-05: without a list no argument is recorded.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export async function intentEvent(options: IntentEventOptions): Promise<IntentEvent> {
  const given = readOptions('intentEvent', options, intentChecks)
  const { privacy = {}, ...facts } = given
  readOptions('intentEvent: privacy', privacy, privacyChecks)
  return describeIntent(facts, privacy, newEventId())
}

/**
 * The same for options that were checked. The event is there at once, unless it needs a key or a pseudonym.
 *
 * @param id - of the event.
 */
export function describeIntent(
  facts: IntentFacts,
  privacy: AuditPrivacy,
  id: string,
): IntentEvent | Promise<IntentEvent> {
  const { argumentsKey, pseudonymize } = privacy
  if (argumentsKey === undefined && pseudonymize === undefined) return describe(facts, privacy, id, undefined)
  return describePrivately(facts, privacy, id)
}

/** Options of {@link intentEvent} as they were checked. */
type IntentFacts = {
  readonly [Key in keyof Omit<IntentEventOptions, 'privacy'>]: IntentEventOptions[Key] | undefined
} & Pick<IntentEventOptions, 'authorization' | 'time'> & {
    /** The DIDs of those who have approved the call. */
    readonly approvers?: readonly string[] | undefined
  }

async function describePrivately(facts: IntentFacts, privacy: AuditPrivacy, id: string): Promise<IntentEvent> {
  const { args } = facts.authorization
  const { argumentsKey, pseudonymize } = privacy
  const argsHash =
    argumentsKey === undefined ? undefined : await hashArguments({ args, salt: await argumentSalt(argumentsKey, id) })
  const event = describe(facts, privacy, id, argsHash)
  return pseudonymize === undefined ? event : pseudonymizeEvent(event, pseudonymize)
}

function describe(
  { authorization, time, vault, trace, mode, outcomeBy, approvers = [] }: IntentFacts,
  { disclose }: AuditPrivacy,
  id: string,
  argsHash: string | undefined,
): IntentEvent {
  const { subject, invoker, audience, principals, command, args, proofs, invocation, task } = authorization
  const names = disclose?.get(command) ?? []
  // In the canonical order of a record, in which its keys need not be sorted.
  return {
    id,
    ...(names.length > 0 && { args: discloseArguments(args, names) }),
    kind: 'intent',
    ...(mode !== undefined && { mode }),
    task: cidText(task),
    time,
    chain: proofs.map(cidText),
    ...(trace !== undefined && { trace }),
    ...(vault !== undefined && { vault }),
    command,
    invoker,
    subject,
    ...(argsHash !== undefined && { argsHash }),
    audience,
    ...(approvers.length > 0 && { approvers }),
    ...(outcomeBy !== undefined && { outcomeBy }),
    invocation: cidText(invocation),
    principals,
  }
}

/** Options of {@link deniedEvent}. */
export interface DeniedEventOptions {
  /** The denial. Its facts of the call are recorded too, and whether the call was authenticated. */
  readonly denial: Omit<Denial, 'code'> & Pick<DeniedEvent, 'code'>
  readonly time: Timestamp
  /** Further facts of the call. */
  readonly call?: CallFacts
  readonly privacy?: AuditPrivacy
  /** The `id` of the intent that was recorded before. */
  readonly intent?: string
  readonly durationMs?: number
  readonly mode?: AuditMode
}

/**
 * Makes the event of a refused call. It omits the message of the denial, and the value on which a policy failed.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export async function deniedEvent(options: DeniedEventOptions): Promise<DeniedEvent> {
  const { denial, time, call, privacy, intent, durationMs, mode } = readOptions('deniedEvent', options, deniedChecks)
  const { pseudonymize } = readOptions('deniedEvent: privacy', privacy ?? {}, privacyChecks)
  const { code, requirement, at, detail } = denial
  const event: DeniedEvent = {
    ...claimsOf(denial),
    ...call,
    kind: 'denied',
    id: newEventId(),
    time,
    authenticated: denial.call?.authenticated === true,
    code,
    requirement,
    ...(at !== undefined && { at }),
    ...(detail?.kind === 'policy' && { policy: clauseOf(detail.objection) }),
    ...(intent !== undefined && { intent }),
    ...(durationMs !== undefined && { durationMs }),
    ...(mode !== undefined && { mode }),
  }
  return pseudonymize === undefined ? event : pseudonymizeEvent(event, pseudonymize)
}

/** The claims of a refused call. Its arguments were not checked, and are not recorded. */
function claimsOf({ call }: Pick<Denial, 'call'>): CallFacts {
  if (call === undefined) return {}
  const { invocation, proofs, subject, invoker, command } = call
  return { invocation: invocation.toString(), chain: proofs.map(String), subject, invoker, command }
}

type Objection = Extract<NonNullable<Denial['detail']>, { readonly kind: 'policy' }>['objection']

function clauseOf({ statement, path, operator, selector }: Objection): NonNullable<DeniedEvent['policy']> {
  return { statement, path, operator, ...(selector !== undefined && { selector }) }
}

const authorizationCheck: OptionCheck = (value) => {
  const { command, args, principals, proofs, invocation, task } = Object(value) as Partial<AuthorizationFacts>
  const isOne = isCid(invocation) && isCid(task) && arrayOf(cidCheck)(proofs) === undefined
  return isOne &&
    [nonEmptyString(command), objectValue(args), arrayOf(nonEmptyString)(principals)].every(
      (fault) => fault === undefined,
    )
    ? undefined
    : 'must be an Authorization'
}

const cidCheck: OptionCheck = (value) => (isCid(value) ? undefined : 'must be a CID')

const denialCheck: OptionCheck = (value) => {
  const { code, call } = Object(value) as Partial<Denial>
  return (nonEmptyString(code) ?? maybe(objectValue)(call)) === undefined
    ? undefined
    : 'must be a denial, with its `code`'
}

const intentChecks: OptionChecks<IntentEventOptions> = Object.freeze({
  authorization: authorizationCheck,
  time: timeCheck,
  privacy: maybe(objectValue),
  vault: maybe(nonEmptyString),
  trace: maybe(nonEmptyString),
  mode: maybe(modeCheck),
  outcomeBy: maybe(timeCheck),
})

const deniedChecks: OptionChecks<DeniedEventOptions> = Object.freeze({
  denial: denialCheck,
  time: timeCheck,
  call: maybe(objectValue),
  privacy: maybe(objectValue),
  intent: maybe(nonEmptyString),
  durationMs: maybe(numberFrom(0)),
  mode: maybe(modeCheck),
})

const privacyChecks: OptionChecks<AuditPrivacy> = Object.freeze({
  argumentsKey: maybe(secretKeyCheck),
  disclose: maybe(withMethod('get')),
  pseudonymize: maybe(callback),
})
