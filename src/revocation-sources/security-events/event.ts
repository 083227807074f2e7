import type { Timestamp } from '../../time.ts'
import type { SetRefusal } from './refusal.ts'

/** A subject identifier (RFC 9493): an object with a `format` and the members of that format, such as `email`. */
export type SubjectIdentifier = Readonly<Record<string, unknown>>

/** An event of a Security Event Token whose signature, issuer and audience were verified. */
export interface SecurityEvent {
  /** The type of the event, a URI; see `securityEventTypes`. */
  readonly type: string
  /** The subject: `sub_id` of the token, or `subject` of the event as RISC and early CAEP have it. */
  readonly subject: SubjectIdentifier | undefined
  /** The members of the event. They depend on its type. */
  readonly details: Readonly<Record<string, unknown>>
  /** When the event occurred (`toe`), or when the token was made (`iat`). */
  readonly occurredAt: Timestamp
  /** The `iss` of the token. */
  readonly issuer: string
  /** The `jti` of the token. Events of one token have the same one. */
  readonly id: string
}

/** The claims of a token, after their form was checked. */
export interface SetClaims {
  readonly id: string
  readonly issuedAt: Timestamp
  readonly events: readonly SecurityEvent[]
}

/** The longest `jti`. */
const maxIdLength = 512
/** Most events of one token. SSF permits one. */
const maxEvents = 16
/** Seconds by which the clock of the transmitter may be ahead. */
const tolerance = 60

/**
 * Reads the claims of a verified token. RVK-41
 *
 * @param now - the present time.
 * @param maxAge - seconds after which a token is too old.
 * @returns the claims, or the reason for which they are refused.
 */
export function readClaims(
  payload: Readonly<Record<string, unknown>>,
  now: Timestamp,
  maxAge: number,
): SetClaims | SetRefusal {
  const { iss, jti, iat, toe, sub_id: subject, events } = payload
  // SSF 1.0: these distinguish a SET from an ID token and from an access token.
  if (Object.hasOwn(payload, 'sub') || Object.hasOwn(payload, 'exp')) {
    return invalid('the SET has a `sub` or an `exp`, which SSF forbids')
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > maxIdLength) {
    return invalid(`the SET has no \`jti\` of at most ${maxIdLength} characters`)
  }
  if (!isTime(iat) || !(toe === undefined || isTime(toe))) return invalid('the SET has an invalid `iat` or `toe`')
  if (iat > now + tolerance) return invalid('the SET has an `iat` in the future')
  if (iat < now - maxAge) return invalid('the SET is too old')
  if (!isObject(events)) return invalid('the SET has no `events`')
  const all = Object.entries(events)
  if (all.length === 0 || all.length > maxEvents) {
    return invalid(`\`events\` of the SET must have 1 to ${maxEvents} members`)
  }
  const occurredAt = toe ?? iat
  const read: SecurityEvent[] = []
  for (const [type, details] of all) {
    if (!isObject(details)) return invalid('an event of the SET must be an object')
    const own = subject ?? details['subject']
    if (own !== undefined && !isObject(own)) return invalid('the subject of the SET must be an object')
    read.push(Object.freeze({ type, subject: own, details, occurredAt, issuer: iss as string, id: jti }))
  }
  return { id: jti, issuedAt: iat, events: read }
}

function invalid(description: string): SetRefusal {
  return { err: 'invalid_request', description }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
