import { type AuditPrivacy, deniedEvent, describeIntent } from '../audit/events/describe-call.ts'
import type { AuditMode, DeniedEvent, IntentEvent } from '../audit/events/event.ts'
import { discloseArguments } from '../audit/privacy/disclose-arguments.ts'
import { importSecretKey } from '../audit/privacy/hmac.ts'
import { sealPersonal } from '../audit/privacy/personal.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import { ArgumentError, AuditError } from '../errors.ts'
import type { Timestamp } from '../time.ts'
import type { CheckedAuditOptions } from './audit-options.ts'
import { credentialFor, type GuardedCommand, personalFields } from './command.ts'
import { recordWithin } from './deadline.ts'
import type { GuardDenial } from './result.ts'

/** A call that is about to be made. */
export interface IntendedCall {
  readonly authorization: Authorization
  readonly command: GuardedCommand
  /** The id of the event. */
  readonly id: string
  readonly time: Timestamp
  readonly outcomeBy: Timestamp
  /** The DIDs of those who have approved it. Undefined for a chain without limits, which has no approval. */
  readonly approvers: readonly string[] | undefined
}

/** Makes the events that describe a call, with its arguments and principals as the options allow. */
export interface CallEvents {
  /** The event is there at once, unless it needs a key or a pseudonym. */
  intent(intended: IntendedCall): IntentEvent | Promise<IntentEvent>
  denied(denial: GuardDenial, time: Timestamp, durationMs: number): Promise<DeniedEvent>
}

/**
 * Makes the maker of events. Keys and pseudonyms may come from another service: an event that is not ready within
 * `deadlineMs` fails, and its call is refused.
 *
 * @throws ArgumentError when a command has personal arguments, and there are no keys for them.
 */
export function createCallEvents(
  { argumentKey, deadlineMs, personalKeys, pseudonymize }: CheckedAuditOptions,
  commands: readonly GuardedCommand[],
  mode: AuditMode,
): CallEvents {
  const encrypted = commands.find((command) => personalFields(command).length > 0)
  if (encrypted !== undefined && personalKeys === undefined) {
    throw new ArgumentError(
      `\`${encrypted.command}\` has \`personal\` arguments, and \`audit.personalKeys\` is missing`,
    )
  }
  const argumentsKey = argumentKey instanceof Uint8Array ? importSecretKey(argumentKey) : Promise.resolve(argumentKey)
  // Each call that needs the key rejects with its error. Without a call nobody handles the rejection.
  argumentsKey.catch(() => undefined)
  const disclose = new Map(commands.map(({ command, show = [] }) => [command as string, show]))
  const shadow: { readonly mode?: 'shadow' } = mode === 'shadow' ? { mode } : {}
  const isRemote = pseudonymize !== undefined || personalKeys !== undefined

  const known: AuditPrivacy = { disclose, ...(pseudonymize !== undefined && { pseudonymize }) }

  async function privacy(): Promise<AuditPrivacy> {
    const key = await argumentsKey
    return { ...known, ...(key !== undefined && { argumentsKey: key }) }
  }

  /** The name of the key for the arguments about a person. */
  async function keyOf({ args, subject }: Authorization, personal: GuardedCommand['personal']): Promise<unknown> {
    if (personal !== undefined && 'of' in personal) return personal.of({ args, subject })
    return pseudonymize === undefined ? subject : pseudonymize(subject)
  }

  /** The arguments about a person, encrypted. PRV-06: without them if the key was destroyed. */
  async function sealed(
    authorization: Authorization,
    command: GuardedCommand,
    event: string,
    signal: AbortSignal | undefined,
  ): Promise<Pick<IntentEvent, 'personal'>> {
    const fields = personalFields(command)
    if (fields.length === 0 || personalKeys === undefined) return {}
    const key = await keyOf(authorization, command.personal)
    if (key === undefined) return {}
    const options = { key: key as string, keys: personalKeys, signal }
    try {
      return { personal: await sealPersonal(discloseArguments(authorization.args, fields), event, options) }
    } catch (error) {
      if (error instanceof AuditError && error.code === 'ERR_AUDIT_ERASED') return {}
      throw error
    }
  }

  /** Without a remote service there is nothing to wait for, and no timer to start. */
  function prepare<T>(task: (signal?: AbortSignal) => Promise<T>): Promise<T> {
    return isRemote ? recordWithin(deadlineMs, 'an audit event could not be prepared', task) : task()
  }

  return {
    intent({ authorization, command, id, time, outcomeBy, approvers }) {
      const vault = credentialFor(command)
      // Absent ones are undefined: to leave them out takes longer.
      const shared = { authorization, time, outcomeBy, approvers, mode: shadow.mode, vault }
      if (!isRemote && argumentKey === undefined) return describeIntent(shared, known, id)
      return prepare(async (signal) => {
        const event = await describeIntent(shared, await privacy(), id)
        return { ...event, ...(await sealed(authorization, command, id, signal)) }
      })
    },
    denied: (denial, time, durationMs) =>
      prepare(async () => deniedEvent({ denial, time, durationMs, ...shadow, privacy: await privacy() })),
  }
}
