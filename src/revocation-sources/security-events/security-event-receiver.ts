/**
 * Security Event Tokens (RFC 8417) from an identity provider, as revocations.
 *
 * @module
 */

import type { ProcessedSets } from '../../core/revocation/processed-sets.ts'
import type { RevocationEntry, RevocationRegistry } from '../../core/revocation/revocation-store.ts'
import { ArgumentError, StoreError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import {
  abortSignal,
  callback,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  type OptionChecks,
  type Read,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import { type JoseVerifier, type VerifiedJwt, verifierChecks } from '../jose.ts'
import { answerPush } from './answer-push.ts'
import { readClaims, type SecurityEvent } from './event.ts'
import { processedInMemory } from './processed-in-memory.ts'
import { maxSetLength, refusalOf, type SetReception, type SetRefusal, setType } from './refusal.ts'

/** Options of {@link securityEventReceiver}. */
export interface SecurityEventReceiverOptions {
  /** The module `jose`. */
  readonly jose: JoseVerifier
  /** The `iss` of the tokens: the transmitter of the stream. */
  readonly issuer: string
  /** The `aud` of the tokens: this receiver, as the transmitter names it. */
  readonly audience: string
  /** The public key of the issuer, as `jwtVerify` of `jose` takes it; for a key set `createRemoteJWKSet(url)`. */
  readonly key: unknown
  /** The algorithms that the issuer uses, for example `['ES256']`. Only algorithms with public keys. */
  readonly algorithms: readonly string[]
  /** Where revocations are added. */
  readonly revocations: Pick<RevocationRegistry, 'add'>
  /**
   * Returns the revocations that follow from an event; an empty array for an event without consequences. If it throws
   * or rejects, the transmitter sends the token again later.
   */
  readonly revocationsOf: (
    event: SecurityEvent,
    options: { readonly signal: AbortSignal },
  ) => readonly RevocationEntry[] | Promise<readonly RevocationEntry[]>
  /**
   * Decides whether a request comes from the transmitter, for example by a bearer token. Default: the signature alone.
   */
  readonly authorize?: (request: Request) => boolean | Promise<boolean>
  /** Seconds after its `iat` for which a token is accepted. Default 604,800: 7 days. */
  readonly maxAge?: number
  /**
   * Remembers processed tokens, so that one that is sent again has no further effect: `sqliteProcessedSets`,
   * `redisProcessedSets` or `postgresProcessedSets`. Receivers that share it have one `maxAge`. Default: the last
   * 50,000 at least, in the memory of this process.
   */
  readonly processed?: ProcessedSets
  /** Milliseconds for one token. Default 10,000. */
  readonly timeoutMs?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Receives each refusal. Its own errors are ignored. */
  readonly onRefused?: (refusal: SetRefusal) => void
  /** Receives the errors of stores, keys and callbacks. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** A receiver of Security Event Tokens. */
export interface SecurityEventReceiver {
  /**
   * Answers a push of a transmitter (RFC 8935), whatever its path: 202 when the revocations are stored, 400 with `err`
   * and `description` for a token that is refused, and 503 when the token must be sent again.
   */
  fetch(request: Request): Promise<Response>
  /**
   * Processes one token, however it arrived.
   *
   * @throws StoreError when it could not be processed now; the token must be kept or sent again.
   */
  receive(token: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<SetReception>
}

const optionChecks = Object.freeze({
  ...verifierChecks,
  issuer: nonEmptyString,
  audience: nonEmptyString,
  revocations: withMethod('add'),
  revocationsOf: callback,
  authorize: maybe(callback),
  maxAge: withDefault(integerFrom(60), 604_800),
  processed: maybe((value) => withMethod('has')(value) ?? withMethod('add')(value)),
  timeoutMs: withDefault(milliseconds, 10_000),
  clock: withDefault(withMethod('now'), systemClock),
  onRefused: maybe(callback),
  onError: maybe(callback),
}) satisfies OptionChecks<SecurityEventReceiverOptions>

type Settings = Read<SecurityEventReceiverOptions, typeof optionChecks> & { readonly processed: ProcessedSets }

/**
 * Receives Security Event Tokens (SSF 1.0 with CAEP and RISC) and adds the revocations that follow from them. A program
 * of the service, `revocationsOf`, knows the agents of a user.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import * as jose from 'jose'
 * import { never } from 'procura'
 * import { securityEventReceiver, securityEventTypes } from 'procura/revocation/security-events'
 *
 * const receiver = securityEventReceiver({
 *   jose,
 *   issuer: 'https://idp.example',
 *   audience: 'https://service.example',
 *   key: jose.createRemoteJWKSet(new URL('https://idp.example/jwks')),
 *   algorithms: ['ES256'],
 *   revocations,
 *   revocationsOf: ({ type, subject }) =>
 *     type === securityEventTypes.accountDisabled
 *       ? agentsOf(subject).map((did) => ({ ids: [did], expiration: never }))
 *       : [],
 * })
 * // For a server with the Fetch API: `export default { fetch: receiver.fetch }`
 * ```
 */
export function securityEventReceiver(options: SecurityEventReceiverOptions): SecurityEventReceiver {
  const given = readOptions('securityEventReceiver', options, optionChecks)
  const settings: Settings = { ...given, processed: given.processed ?? processedInMemory() }
  const { timeoutMs, authorize, onRefused, onError } = settings

  async function receive(token: string, signal: AbortSignal | undefined): Promise<SetReception> {
    if (typeof token !== 'string') throw new ArgumentError('receive: `token` must be a string')
    const reception = await withinDeadline(
      timeoutMs,
      { signals: [signal], reason: () => new StoreError(`a SET was not processed within ${timeoutMs} ms`) },
      (limit) => process(token, settings, limit),
    )
    if (!reception.accepted) void quietly(() => onRefused?.(reception.refusal))
    return reception
  }

  const report = (error: unknown): void => void quietly(() => onError?.(error))
  return Object.freeze({
    fetch: (request: Request) => answerPush(request, { authorize, receive, report, timeoutMs }),
    receive: (token: string, call: { readonly signal?: AbortSignal | undefined } = {}) =>
      receive(token, readOptions('receive', call, { signal: abortSignal }).signal),
  })
}

/** Verifies a token, and adds the revocations of all its events before it is remembered. RVK-42 */
async function process(token: string, settings: Settings, signal: AbortSignal): Promise<SetReception> {
  const { clock, maxAge, processed, revocations, revocationsOf } = settings
  const verified = await verify(token, settings)
  if ('refusal' in verified) return refused(verified.refusal)
  const claims = readClaims(verified.payload, secondsOf(clock), maxAge)
  if ('err' in claims) return refused(claims)
  const id = `${settings.issuer} ${claims.id}`
  const expiration = claims.issuedAt + maxAge
  if (await isProcessed(processed, id, expiration)) return { accepted: true, repeated: true }
  const entries: RevocationEntry[] = []
  for (const event of claims.events) {
    const more = await revocationsOf(event, { signal })
    if (!Array.isArray(more)) throw new StoreError('`revocationsOf` must return an array of revocations')
    entries.push(...more)
  }
  for (const entry of entries) await revocations.add(entry)
  await processed.add(id, expiration)
  return { accepted: true, repeated: false }
}

/** @throws StoreError when the memory gives an answer that its interface does not allow. */
async function isProcessed(processed: ProcessedSets, id: string, expiration: Timestamp): Promise<boolean> {
  const answer = await processed.has(id, expiration)
  if (typeof answer !== 'boolean') throw new StoreError('`has` of `processed` must return a boolean')
  return answer
}

function refused(refusal: SetRefusal): SetReception {
  return { accepted: false, refusal }
}

/**
 * RVK-40
 *
 * @throws StoreError when the key is not available now.
 */
async function verify(
  token: string,
  { jose, key, algorithms, issuer, audience, clock }: Settings,
): Promise<VerifiedJwt | { readonly refusal: SetRefusal }> {
  if (token.length > maxSetLength) {
    const description = `the SET has more than ${maxSetLength} characters`
    return { refusal: { err: 'invalid_request', description } }
  }
  try {
    const { payload } = await jose.jwtVerify(token, key as never, {
      algorithms: [...algorithms],
      typ: setType,
      issuer,
      audience,
      currentDate: new Date(secondsOf(clock) * 1_000),
    })
    return { payload }
  } catch (cause) {
    const refusal = refusalOf(cause)
    if (refusal !== undefined) return { refusal }
    throw new StoreError('a SET could not be verified now', { cause })
  }
}
