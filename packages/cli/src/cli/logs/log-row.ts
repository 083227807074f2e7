import type { IpldMap } from 'procura'
import type { AuditEvent, DeniedEvent, IntentEvent } from 'procura/audit'

/** An event as `procura log` shows it. */
export interface LogRow {
  /** Seconds since 1970. */
  readonly time: number
  /**
   * `allowed`, `denied`, `released`; `would allow` or `would deny` in a dry run; the result of a call (`ok`, `error`,
   * `unknown`); or the event of a delegation (`issued`, `seen`, `revoked`).
   */
  readonly decision: string
  /** The DID of the principal that acted. */
  readonly agent?: string
  /** The same for a call that is not known to come from it: anybody may have written the name. */
  readonly claimedAgent?: string
  readonly command?: string
  readonly subject?: string
  /** The principal for whom the call was made: the issuer of the root delegation. */
  readonly onBehalfOf?: string
  /** The path of authority of a call: the issuer of the root delegation, each delegate, the invoker last. */
  readonly principals?: readonly string[]
  /** Those who have approved the call. */
  readonly approvers?: readonly string[]
  /** The service of a call, or the principal to whom a delegation is. */
  readonly audience?: string
  /** The code of a denial, the delegation or principal concerned, or the credential, for people. */
  readonly about?: string
  /** The code of a denial or an error. */
  readonly code?: string
  /** Of a denial: whether the call is known to come from its invoker. */
  readonly authenticated?: boolean
  /** Of a denial: the position in the chain, the requirement, and the statement of the policy that is not met. */
  readonly at?: number
  readonly requirement?: string
  readonly policy?: DeniedEvent['policy']
  /** Of a line about denials that were not recorded: their number, and the time of the first one. */
  readonly suppressed?: number
  readonly since?: number
  /** The arguments that the service records. */
  readonly args?: IpldMap
  /** The CID of the delegation that was issued or seen. */
  readonly delegation?: string
  /** The last second of its validity; null if it never expires. */
  readonly expiration?: number | null
  /** The CID of the delegation, or the DID of the principal, that was revoked. */
  readonly revoked?: string
  /** The name of the credential that was released, and its version. */
  readonly credential?: string
  readonly version?: string
  /** The HTTP status of the upstream response. */
  readonly upstreamStatus?: number
  /**
   * Facts that the caller stated beside the call, such as the id of a tool use or a session. Nobody has verified them.
   */
  readonly claimed?: Readonly<Record<string, string>>
  readonly chain?: readonly string[]
  readonly invocation?: string
  /** `shadow` for a decision without effect. */
  readonly mode?: string
  /** The position of the record in its log. */
  readonly sequence: number
  readonly log: string
}

/**
 * Makes the row of an event.
 *
 * @param intentOf - finds the intent of an outcome or a release.
 */
export function rowOf(
  event: AuditEvent,
  place: { readonly sequence: number; readonly log: string },
  intentOf: (id: string) => IntentEvent | undefined,
): LogRow {
  const facts = factsOf(event, intentOf)
  if (event.mode !== 'shadow') return { time: event.time, ...facts, ...place }
  // A call of a dry run is sent, whatever was decided.
  const decision = withoutEffect.get(facts.decision) ?? facts.decision
  return { time: event.time, ...facts, decision, mode: 'shadow', ...place }
}

const withoutEffect: ReadonlyMap<string, string> = new Map([
  ['allowed', 'would allow'],
  ['denied', 'would deny'],
])

type Facts = Omit<LogRow, 'time' | 'sequence' | 'log' | 'mode'>

function factsOf(event: AuditEvent, intentOf: (id: string) => IntentEvent | undefined): Facts {
  switch (event.kind) {
    case 'intent':
      return { decision: 'allowed', ...callOf(event) }
    case 'denied': {
      const { authenticated, invoker, command, subject, code, chain, claimed, invocation } = event
      const { at, policy, requirement, suppressed, since } = event
      const reason = compact({ authenticated, at, requirement, policy, suppressed, since })
      if (authenticated === true) return { decision: 'denied', ...callOf(event), about: code, code, ...reason }
      // A stranger may have written all of this.
      return compact({
        ...{ decision: 'denied', claimedAgent: invoker, command, subject, about: code, code, chain, invocation },
        ...{ claimed: textsIn(claimed), ...reason },
      })
    }
    case 'outcome':
      return {
        decision: event.status,
        ...callOf(intentOf(event.intent)),
        ...compact({ about: event.code, code: event.code, upstreamStatus: event.upstreamStatus }),
      }
    case 'released': {
      const { vault, version } = event
      return {
        decision: 'released',
        ...callOf(intentOf(event.intent)),
        ...compact({ about: vault, credential: vault, version }),
      }
    }
    case 'issued':
    case 'seen': {
      const { issuer, command, subject, delegation, audience, chain } = event
      return compact({
        decision: event.kind,
        agent: issuer,
        command,
        subject,
        about: `${delegation} to ${audience}`,
        ...{ delegation, audience, chain },
        expiration: typeof event.expiration === 'number' ? event.expiration : null,
      })
    }
    case 'revoked':
      return compact({ decision: 'revoked', agent: event.issuer, about: event.revoked, revoked: event.revoked })
    default:
      return { decision: event.kind }
  }
}

type CallFields = Partial<
  Pick<
    IntentEvent,
    | 'approvers'
    | 'args'
    | 'audience'
    | 'claimed'
    | 'invoker'
    | 'command'
    | 'subject'
    | 'principals'
    | 'chain'
    | 'invocation'
  >
>

function callOf(call: CallFields | undefined): Omit<Facts, 'decision'> {
  const { approvers, args, audience, invoker, command, subject, principals, chain, claimed, invocation } = call ?? {}
  return compact({
    ...{ agent: invoker, command, subject, onBehalfOf: principals?.[0], principals, audience, chain, invocation },
    ...{ approvers, args },
    claimed: textsIn(claimed),
  })
}

/** A record from a file can have any value here. */
function textsIn(claimed: unknown): LogRow['claimed'] {
  const texts = Object.entries(Object(claimed)).filter(([, value]) => typeof value === 'string')
  return texts.length === 0 ? undefined : Object.fromEntries(texts as [string, string][])
}

/** Leaves out undefined fields. */
function compact<T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
