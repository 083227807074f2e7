import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { quietly } from '../../src/support/quietly.ts'
import { type UcantoHandler, type UcantoService, ucantoService } from '../../src/ucanto/ucanto-service.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { Secret } from '../../src/vault/secret.ts'
import { NOON, permission } from '../vault/support.ts'
import { actor, now } from './actors.ts'
import { call, chainOf, createService, service, serviceOptions } from './service.ts'

const fault = new Error('the listener failed')
const throws = (): never => {
  throw fault
}
const rejects = (): Promise<never> => Promise.reject(fault)
/** Rejects in a way that looking at it fails. */
const trap = (): unknown =>
  Object.defineProperty({}, 'then', {
    get: throws,
  })
/** The ways in which a listener can return something. */
const failing = { throws, rejects, 'returns what cannot be looked at': trap } as unknown as Record<string, () => never>

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const container = async (): Promise<string> => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])

const event: AuditEvent = { kind: 'denied', id: 'a', time: now, code: 'replayed' }
const broken: AuditSink = {
  name: 'broken',
  append: () => Promise.reject(new Error('no disk')),
  close: async () => undefined,
}

describe('quietly', () => {
  it('returns what was returned, and undefined when it was thrown', () => {
    expect([quietly(() => 1), quietly(throws)]).toEqual([1, undefined])
  })

  it('handles promises, other thenables, and values that cannot be read', async () => {
    // biome-ignore lint/suspicious/noThenProperty: something that can be waited for and is no promise
    const thenable = { then: (_resolve: unknown, reject: (error: Error) => void) => reject(fault) }
    for (const answer of [rejects, () => thenable, () => Object.assign(() => 1, thenable), trap]) quietly(answer)
    await setImmediate()
  })
})

describe.each(Object.entries(failing))('GRD-11 a listener that %s', (_how, listener) => {
  it('changes nothing for a sink that may fail', async () => {
    const sink = bestEffort(broken, { onFailure: listener })
    expect(await sink.append(event, {})).toMatchObject({ sink: 'broken' })
    await setImmediate()
  })

  it('changes nothing for two sinks of which one fails', async () => {
    const sink = anyOf([broken, memoryAuditSink()], { onFailure: listener })
    expect(await sink.append(event, {})).toMatchObject({ sink: 'memory' })
    await setImmediate()
  })

  it('changes no decision', async () => {
    const away = { findRevocations: () => Promise.reject(new Error('away')) }
    const decision = await createService({ revocations: away, onError: listener }).authorize(await container())
    expect(decision).toMatchObject({ denial: { code: 'revocation_unknown' } })
    await setImmediate()
  })

  it('changes no call of a guard', async () => {
    const span = { setAttribute: listener, end: listener }
    const spans = [{ startSpan: listener }, { startSpan: () => span }]
    for (const tracer of spans) {
      const guard = createGuard({
        ...serviceOptions(),
        commands: [defineCommand({ command: '/mail/send', args: {} })],
        audit: { sink: { ...memoryAuditSink(), close: () => Promise.reject(fault) } },
        receipts: { ...service, sign: () => Promise.reject(new Error('no key')) },
        tracer,
        onEvent: listener,
        onError: listener,
      })
      expect(await guard.use(await container(), () => 1)).toMatchObject({ allowed: true, value: 1 })
      expect(await guard.use('nonsense', () => 1)).toMatchObject({ allowed: false })
    }
    await setImmediate()
  })

  it('leaves nothing unhandled when a secret could not be ended', async () => {
    let told = 0
    const onRevokeFailure = (): never => {
      told += 1
      return listener()
    }
    const vault = createVault({
      source: {
        name: 'test',
        perCall: () => true,
        read: async (reference) => ({
          reference,
          secret: new Secret('canary-1'),
          version: '1',
          kind: 'dynamic',
          downscoped: false,
          readAt: NOON,
          revoke: () => Promise.reject(new Error('away')),
        }),
      },
      credentials: { db: { origins: ['https://api.example'], processor: bearer() } },
      fetch: async () => new Response('ok'),
      onRevokeFailure,
    })
    const response = await vault.use({ reference: 'db', authorization: permission(), url: 'https://api.example' })
    expect(await response.text()).toBe('ok')
    await setImmediate()
    expect(told).toBe(1)
  })

  it('changes no answer of a service of ucanto', async () => {
    const guard = { use: () => Promise.reject(new Error('the handler failed')) }
    const { mail } = ucantoService(guard, { '/mail/send': () => ({}) }, { onError: listener })
    const handler = (mail as UcantoService)['send'] as UcantoHandler
    const answer = await handler({ archive: () => ({ ok: new Uint8Array() }) })
    expect(answer).toMatchObject({ error: { name: 'HandlerFailed' } })
    await setImmediate()
  })
})
