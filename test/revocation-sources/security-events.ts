import * as jose from 'jose'
import type { Did } from '../../src/core/did/did.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { SecurityEvent } from '../../src/revocation-sources/security-events/event.ts'
import {
  type SecurityEventReceiver,
  type SecurityEventReceiverOptions,
  securityEventReceiver,
} from '../../src/revocation-sources/security-events/security-event-receiver.ts'
import { never } from '../../src/time.ts'
import { actor } from '../support/actors.ts'

export const issuer = 'https://idp.example'
export const audience = 'https://service.example'
export const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
export const start = 1_800_000_000
export const keys: jose.GenerateKeyPairResult = await jose.generateKeyPair('ES256')
export const alice: Did = (await actor('alice')).did
export const bob: Did = (await actor('bob')).did

/** The claims of a SET about Alice, by its id. */
export function claims(id: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer,
    aud: audience,
    jti: id,
    iat: start,
    sub_id: { format: 'iss_sub', iss: issuer, sub: 'alice' },
    events: { [sessionRevoked]: { initiating_entity: 'policy' } },
    ...change,
  }
}

/** Signs claims as a SET. */
export function sign(
  payload: Record<string, unknown>,
  { key = keys.privateKey, header = {} }: { readonly key?: unknown; readonly header?: object } = {},
): Promise<string> {
  return new jose.SignJWT(payload)
    .setProtectedHeader({ alg: 'ES256', typ: 'secevent+jwt', ...header })
    .sign(key as never)
}

/** A receiver, and everything that it did. */
export interface ObservedReceiver extends SecurityEventReceiver {
  isRevoked(did?: string): boolean
  readonly errors: unknown[]
  readonly refusals: string[]
  readonly events: SecurityEvent[]
}

/** A receiver that revokes the principal of Alice. */
export function receive(change: Partial<SecurityEventReceiverOptions> = {}): ObservedReceiver {
  const revocations = memoryRevocationStore()
  const errors: unknown[] = []
  const refusals: string[] = []
  const events: SecurityEvent[] = []
  const receiver = securityEventReceiver({
    jose,
    issuer,
    audience,
    key: keys.publicKey,
    algorithms: ['ES256'],
    revocations,
    revocationsOf: (event) => {
      events.push(event)
      return event.subject?.['sub'] === 'alice' ? [{ ids: [alice], expiration: never }] : []
    },
    clock: { now: () => start + 10 },
    onRefused: ({ err }) => refusals.push(err),
    onError: (error) => errors.push(error),
    ...change,
  })
  const isRevoked = (did: string = alice): boolean =>
    (revocations.findRevocations([did], {}) as readonly unknown[]).length > 0
  return { ...receiver, isRevoked, errors, refusals, events }
}

/** A push of a transmitter. */
export function push(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request(`${audience}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json', ...headers },
    body,
  })
}
