/**
 * The records of a guard: which events it writes, and what of a call may stand in them.
 *
 * @module
 */

import { withDeadline } from '../audit/combine/with-deadline.ts'
import { type AuditPrivacy, deniedEvent, intentEvent } from '../audit/events/describe-call.ts'
import { type AuditEvent, newEventId, type OutcomeEvent } from '../audit/events/event.ts'
import { suppressedEvent } from '../audit/events/suppressed-event.ts'
import { discloseArguments } from '../audit/privacy/disclose-arguments.ts'
import { importSecretKey, type SecretKey } from '../audit/privacy/hmac.ts'
import { sealPersonal } from '../audit/privacy/personal.ts'
import type { PersonalKeyStore } from '../audit/privacy/personal-key-store.ts'
import type { Pseudonymizer } from '../audit/privacy/pseudonym.ts'
import type { SampleDenialsOptions } from '../audit/sample-denials.ts'
import type { AuditSink, Confirmation } from '../audit/sink.ts'
import type { Authorization } from '../authorization/authorization.ts'
import { ArgumentError, AuditError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import type { Clock } from '../time.ts'
import type { Release } from '../vault/vault.ts'
import { credentialOnRecord, type GuardedCommand } from './command.ts'
import { DeadlineError, waitAtMost } from './deadline.ts'
import { createDenialLog } from './denial-log.ts'
import { type OutcomeLease, startOutcomeLease } from './outcome-lease.ts'
import type { GuardDenial } from './result.ts'

/** How a guard records. */
export interface AuditOptions {
  /** Where records go. It is closed with the guard. */
  readonly sink: AuditSink
  /** Milliseconds to wait for a confirmation. Default 500. After that the call is refused. */
  readonly deadlineMs?: number
  /** Most records that the sink has not answered. Default 1,000. */
  readonly maxInFlight?: number
  /**
   * 32 or more random bytes that salt the hashes of arguments: with it, and only with it, a hash can be checked. Default:
   * none, and no hash is recorded.
   */
  readonly argumentKey?: SecretKey
  /** Puts pseudonyms in place of DIDs. Default: DIDs stand as they are. */
  readonly pseudonymize?: Pseudonymizer
  /** Keys for arguments that are recorded encrypted. Needed when a command names such. */
  readonly personalKeys?: PersonalKeyStore
  /**
   * Closes intents without an outcome as `unknown`, at the start and from then on: those of processes that ended, and those
   * whose outcome could not be recorded. The log of `sink` has to be one that can be read back (memory, files, SQLite,
   * PostgreSQL, the spool of HTTP). Several processes may do so on one log. Default false.
   */
  readonly recoverIntents?: boolean
  /** How many refusals are recorded; see {@link SampleDenialsOptions}. */
  readonly denials?: SampleDenialsOptions
}

/** Writes the records of a guard. */
export interface AuditTrail {
  /** Says that a call is about to be made. Nothing may happen before this has resolved. Resolves to the event's name. */
  intent(authorization: Authorization, command: GuardedCommand, signal: AbortSignal | undefined): Promise<string>
  /** Says that a credential is about to be used, and which. */
  released(intent: string, release: Release, signal: AbortSignal | undefined): Promise<void>
  /** Says how a call ended; rejects when its time has passed. */
  outcome(intent: string, ending: Ending): Promise<Confirmation>
  /** Says that a call was refused, unless too many were. */
  denied(denial: GuardDenial, durationMs: number): Promise<void>
  /** Says how many refusals were not recorded, and closes the sink unless it is the one of a trial; within so many milliseconds. */
  close(milliseconds: number): Promise<void>
}

/** How a call ended. */
export type Ending = Pick<OutcomeEvent, 'code' | 'durationMs' | 'responseBytes' | 'status' | 'upstreamStatus'>

/**
 * Makes the audit trail of a guard.
 *
 * @param callMs - more than a call can take by its deadlines: later nothing is recorded of it any more.
 * @param mode - `shadow` stands in every record, so that nobody takes a trial for the real thing.
 * @param onError - gets the error of a record that nobody waited for.
 * @throws ArgumentError when a command needs keys that are not there.
 */
export function createAuditTrail(
  options: AuditOptions,
  commands: readonly GuardedCommand[],
  clock: Clock,
  callMs: number,
  mode: 'enforce' | 'shadow',
  onError: (error: unknown) => void,
): AuditTrail {
  const { deadlineMs = 500, maxInFlight, argumentKey, pseudonymize, personalKeys } = options
  const encrypted = commands.find((command) => (command.personal?.length ?? 0) > 0)
  if (encrypted !== undefined && personalKeys === undefined) {
    throw new ArgumentError(`\`${encrypted.command}\` has personal arguments, and \`audit.personalKeys\` is missing`)
  }
  const sink = withDeadline(options.sink, {
    deadlineMs,
    ...(maxInFlight !== undefined && { maxInFlight }),
  })
  const argumentsKey = argumentKey instanceof Uint8Array ? importSecretKey(argumentKey) : Promise.resolve(argumentKey)
  // Each call that needs the key rejects with why there is none, and none may come.
  argumentsKey.catch(() => undefined)
  const disclose = new Map(commands.map(({ command, show = [] }) => [command as string, show]))
  const shadow = mode === 'shadow' ? ({ mode } as const) : {}
  const now = (): number => Math.floor(clock.now())
  /** Of the calls that are under way, by the name of their intent. */
  const leases = new Map<string, OutcomeLease>()

  async function privacy(): Promise<AuditPrivacy> {
    const key = await argumentsKey
    return {
      disclose,
      ...(key !== undefined && { argumentsKey: key }),
      ...(pseudonymize !== undefined && { pseudonymize }),
    }
  }

  /** The arguments that are about a person, encrypted under a key of the subject's. */
  async function sealed(
    { args, subject }: Authorization,
    { personal = [] }: GuardedCommand,
    event: string,
    signal: AbortSignal | undefined,
  ): Promise<object> {
    if (personal.length === 0 || personalKeys === undefined) return {}
    const key = pseudonymize === undefined ? subject : await pseudonymize(subject)
    const options = { key, keys: personalKeys, signal }
    return { personal: await sealPersonal(discloseArguments(args, personal), event, options) }
  }

  /** Keys and pseudonyms may come from elsewhere: a sink that is not asked cannot be late. */
  const remote = pseudonymize !== undefined || personalKeys !== undefined
  const prepare = <T>(task: (signal?: AbortSignal | undefined) => Promise<T>): Promise<T> =>
    remote ? inTime(deadlineMs, 'an audit event could not be prepared', task) : task()

  const append = (event: AuditEvent, signal?: AbortSignal | undefined): Promise<Confirmation> =>
    sink.append(event, { signal })

  const denials = createDenialLog({
    sampling: { clock, ...options.denials },
    async record(denial, durationMs) {
      const event = await prepare(async () =>
        deniedEvent({ denial, time: now(), privacy: await privacy(), durationMs, ...shadow }),
      )
      await append(event)
    },
    report: async (left) => void (await append(suppressedEvent({ denials: left, time: now(), ...shadow }))),
    onError,
  })

  return {
    async intent(authorization, command, signal) {
      const vault = credentialOnRecord(command, authorization)
      const lease = startOutcomeLease(clock, callMs)
      const event = await prepare(async (late) => {
        const made = await intentEvent({
          authorization,
          time: now(),
          privacy: await privacy(),
          ...(vault !== undefined && { vault }),
          ...shadow,
          outcomeBy: lease.outcomeBy,
        })
        return { ...made, ...(await sealed(authorization, command, made.id, late)) }
      })
      await append(event, signal)
      assertLasts(lease)
      leases.set(event.id, lease)
      return event.id
    },

    async released(intent, release, signal) {
      assertLasts(leases.get(intent))
      const { reference, version, downscoped, stale, expiresAt } = release
      const event: AuditEvent = {
        kind: 'released',
        id: newEventId(),
        time: now(),
        ...shadow,
        intent,
        vault: reference,
        credential: release.kind,
        version,
        downscoped,
        ageMs: release.ageSeconds * 1_000,
        ...(stale && { stale: true }),
        ...(expiresAt !== undefined && { expiresAt }),
      }
      await append(event, signal)
    },

    async outcome(intent, ending) {
      const lease = leases.get(intent)
      leases.delete(intent)
      assertLasts(lease)
      return append({ kind: 'outcome', id: newEventId(), time: now(), ...shadow, intent, ...ending })
    },

    denied: denials.denied,

    async close(milliseconds) {
      await inTime(milliseconds, `the audit sink ${quote(sink.name)} did not close`, async () => {
        try {
          await denials.close()
        } finally {
          if (mode !== 'shadow') await sink.close()
        }
      })
    },
  }
}

/** Another process may have recorded already that nobody knows how the call ended. */
function assertLasts(lease: OutcomeLease | undefined): void {
  if (lease?.isOver() === false) return
  throw new AuditError('ERR_AUDIT_DEADLINE', 'the call took too long: nothing is recorded of it any more')
}

/** Does something that is part of recording, and turns what takes too long into an error of the audit. */
async function inTime<T>(milliseconds: number, what: string, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await waitAtMost(milliseconds, [], task)
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    throw new AuditError('ERR_AUDIT_DEADLINE', `${what} within ${milliseconds} ms`)
  }
}
