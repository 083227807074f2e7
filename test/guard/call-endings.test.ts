import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { actor, clock, now } from '../support/actors.ts'
import { guardOptionsFor, mailOptions } from '../support/guard.ts'
import { call, chainOf, service } from '../support/service.ts'
import { until } from '../support/until.ts'
import { serve, type TestServer } from '../vault/support.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard(guardOptionsFor(alice, send, { audit: { sink }, ...change }))
  return { guard, events: () => sink.records().map(({ event }) => event) }
}

/** A sink in memory that refuses one event of its life. */
function refusing(turn: number, error: Error): { readonly sink: AuditSink; readonly kinds: () => string[] } {
  const inner = memoryAuditSink()
  let turns = 0
  const sink: AuditSink = {
    ...inner,
    append: (event, options) => (++turns === turn ? Promise.reject(error) : inner.append(event, options)),
  }
  return { sink, kinds: () => inner.records().map(({ event }) => event.kind) }
}

const container = async (): Promise<string> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } }), ...proofs])

/** A vault whose store did not answer: it has an earlier reading. */
function vaultOf(reading: Partial<SecretReading>): Vault {
  const source: SecretSource = {
    name: 'test',
    read: async (reference) => ({
      reference,
      secret: new Secret('canary-5b1f20c7aa90'),
      version: '7',
      kind: 'derived',
      downscoped: false,
      readAt: now,
      ...reading,
    }),
  }
  return createVault({ source, credentials: { mail: { leasable: true } }, clock })
}

const codeOf = ({ code }: { readonly code?: string }): string | undefined => code

let upstream: TestServer
beforeAll(async () => {
  upstream = await serve(async (_request, response) => void response.end('text'))
})
afterAll(() => upstream.close())

const withUpstream = (): Partial<GuardOptions> => mailOptions(send, upstream, 'canary-5b1f20c7aa90')

describe('the record of a release', () => {
  const released = async (reading: Partial<SecretReading>): Promise<AuditEvent | undefined> => {
    const commands = [{ ...send, credential: 'mail' }] as GuardOptions['commands']
    const { guard, events } = setUp({ commands, vault: vaultOf(reading) })
    const result = await guard.use(await container(), async ({ lease }) => (await lease()).revoke())
    expect(result).toMatchObject({ allowed: true, recorded: true })
    const [intent, event] = events()
    expect(event).toMatchObject({ kind: 'released', intent: intent?.id, vault: 'mail', version: '7' })
    expect(JSON.stringify(events())).not.toContain('canary')
    return event
  }

  it('VLT-15 names the credential, its version and its kind, and has the age of one from memory', async () => {
    const event = await released({ stale: true, readAt: now - 7, expiresAt: now + 60, downscoped: true })
    const facts = { credential: 'derived', downscoped: true, ageMs: 7_000, stale: true, expiresAt: now + 60 }
    expect(event).toMatchObject(facts)
  })

  it('VLT-15 calls no credential stale that the store has just returned', async () => {
    const event = await released({})
    expect(event).toMatchObject({ credential: 'derived', downscoped: false, ageMs: 0 })
    expect(event).not.toHaveProperty('stale')
    expect(event).not.toHaveProperty('expiresAt')
  })
})

describe('the end of a call', () => {
  it('GRD-06 without a recorded intent does not keep a guard open that closes around a hanging handler', async () => {
    const { sink, kinds } = refusing(1, new Error('full'))
    const { guard } = setUp({ audit: { sink }, deadlines: { closeMs: 20 }, onError: () => undefined })
    expect(await guard.use(await container(), () => 1)).toMatchObject({ denial: { code: 'audit_unavailable' } })
    let started = false
    const stuck = guard.use(await container(), () => {
      started = true
      return new Promise(() => undefined)
    })
    const left = expect(stuck).rejects.toThrow('the guard is closing')
    await until(() => started)
    await guard.close()
    await left
    expect(kinds()).toEqual(['intent', 'outcome'])
  })

  it('GRD-06 leaves nothing of the call in the guard: the signal of its caller can be collected', async () => {
    const { guard } = setUp()
    const used = async (): Promise<WeakRef<AbortSignal>> => {
      const { signal } = new AbortController()
      const result = await guard.use(await container(), async ({ args }) => args, { signal })
      expect(result.allowed).toBe(true)
      return new WeakRef(signal)
    }
    const signals = [await used(), await used(), await used(), await used()]
    await until(() => {
      collectGarbage()
      return signals.slice(0, -1).every((signal) => signal.deref() === undefined)
    })
    await guard.close()
  })

  it('GRD-04 comes before its handler when the caller leaves while the call is between its intent and its handler', async () => {
    const agent = new AbortController()
    const left = new Error('the agent went away')
    const { guard, events } = setUp({
      tracer: {
        startSpan: (name) => ({
          setAttribute: () => undefined,
          end: () => void (name === 'audit.intent' && agent.abort(left)),
        }),
      },
    })
    let ran = false
    const used = guard.use(
      await container(),
      () => {
        ran = true
      },
      { signal: agent.signal },
    )
    await expect(used).rejects.toBe(left)
    expect(ran).toBe(false)
    expect(events().map((event) => ('status' in event ? event.status : event.kind))).toEqual(['intent', 'unknown'])
  })

  it('SVC-14 does not come with a request that cannot be sent: it uses nothing, and the handler may send another', async () => {
    const { guard, events } = setUp(withUpstream())
    const result = await guard.use(await container(), async ({ fetch }) => {
      const refused = await fetch(`${upstream.origin}/text`, { method: 'POST', body: {} as never }).catch(codeOf)
      const response = await fetch(`${upstream.origin}/text`)
      return [refused, await response.text()]
    })
    expect(result).toMatchObject({ allowed: true, value: ['ERR_INVALID_ARGUMENT', 'text'] })
    expect(events().map(({ kind }) => kind)).toEqual(['intent', 'released', 'outcome'])
  })

  it('is recorded with the whole milliseconds that its handler took', async () => {
    const { guard, events } = setUp()
    const before = performance.now()
    await guard.use(await container(), () => wait(20))
    const most = performance.now() - before
    const [, outcome] = events()
    if (outcome?.kind !== 'outcome') throw new Error('no outcome')
    const { durationMs } = outcome
    expect(Number.isInteger(durationMs)).toBe(true)
    expect(durationMs).toBeGreaterThanOrEqual(19)
    expect(durationMs).toBeLessThanOrEqual(Math.ceil(most))
  })

  it('GRD-07 that cannot be recorded is reported once, with the error of the sink, and signs no receipt', async () => {
    const full = new Error('full')
    const errors: unknown[] = []
    let signed = 0
    const receipts = {
      ...service,
      sign: (bytes: Uint8Array) => {
        signed++
        return service.sign(bytes)
      },
    }
    const { guard } = setUp({
      audit: { sink: refusing(2, full).sink },
      receipts,
      onError: (error) => void errors.push(error),
    })
    const result = await guard.use(await container(), () => 1)
    expect(result).toEqual({ allowed: true, value: 1, recorded: false })
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_AUDIT_UNCONFIRMED', cause: full })])
    expect(result).toHaveProperty('cause', errors[0])
    expect(signed).toBe(0)
  })
})
