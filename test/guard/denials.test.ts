import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { rowOf } from '../../packages/cli/src/cli/logs/log-row.ts'
import type { AuditEvent, DeniedEvent } from '../../src/audit/events/event.ts'
import { toOcsf } from '../../src/audit/events/ocsf.ts'
import type { AuditRecord } from '../../src/audit/events/record.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { AuditError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { stoppedClock } from '../audit/events.ts'
import { actor, clock } from '../support/actors.ts'
import { guardOptionsFor } from '../support/guard.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../support/raw-token.ts'
import { call, chainOf, service } from '../support/service.ts'
import { nameOf } from '../ucanto/raw.ts'

const [alice, bob, mallory] = [await actor('alice'), await actor('bob'), await actor('mallory')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })

function setUp(audit: Partial<GuardOptions['audit']> = {}, change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard({
    ...guardOptionsFor(alice, send),
    audit: { sink, ...audit },
    ...change,
  })
  return {
    guard,
    sink,
    denied: (): DeniedEvent[] => sink.records().flatMap(({ event }) => (event.kind === 'denied' ? [event] : [])),
  }
}

/** A call that Bob has signed, and that is refused. */
const refused = async (): Promise<string | Uint8Array> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 7 } }), ...proofs])

/** A call in Bob's name with Alice's authority, forged without the key of either. */
async function forged(): Promise<string | Uint8Array> {
  const payload = { ...invocationPayload(bob.did), sub: alice.did, aud: service.did, prf: proofs.map(({ cid }) => cid) }
  const bytes = await sealRaw(mallory, { tag: 'ucan/inv@1.0.0', payload })
  return encodeContainer([{ bytes }, ...proofs])
}

/** A delegation of one issuer, signed by any signer. */
async function delegationOf(signer: Signer, issuer: Signer, audience: Signer): Promise<Uint8Array> {
  return sealRaw(signer, { payload: delegationPayload(issuer.did, audience.did) })
}

/** A call that is signed with the key of its invoker. */
async function signedBy(signer: Signer, subject: string, delegations: readonly Uint8Array[]) {
  const payload = {
    ...invocationPayload(signer.did),
    sub: subject,
    aud: service.did,
    prf: delegations.map((one) => nameOf(one)),
  }
  const bytes = await sealRaw(signer, { tag: 'ucan/inv@1.0.0', payload })
  return encodeContainer([{ bytes }, ...delegations.map((one) => ({ bytes: one }))])
}

describe('a refused call', () => {
  it('AUD-24 without its proofs is recorded with the claimed invoker, who may be anybody [attack 81]', async () => {
    const { guard, denied, sink } = setUp()
    const genuine = await call({ issuer: bob, proofs, args: { to: 'ann' } })
    const payload = {
      ...invocationPayload(bob.did),
      sub: alice.did,
      aud: service.did,
      prf: proofs.map(({ cid }) => cid),
    }
    const bytes = await sealRaw(mallory, { tag: 'ucan/inv@1.0.0', payload })
    const containers = [encodeContainer([genuine]), encodeContainer([{ bytes }]), encodeContainer([genuine, ...proofs])]
    const codes: string[] = []
    for (const container of containers) {
      const result = await guard.use(container, () => 'ran')
      codes.push(result.allowed ? 'allowed' : result.denial.code)
    }
    // The agent sends the proofs, and the same call is allowed.
    expect(codes).toEqual(['proof_missing', 'proof_missing', 'allowed'])
    const claims = {
      invoker: bob.did,
      subject: alice.did,
      command: '/mail/send',
      chain: proofs.map(({ cid }) => String(cid)),
    }
    expect(denied()).toMatchObject([
      { ...claims, authenticated: false, invocation: String(genuine.cid) },
      { ...claims, authenticated: false },
    ])
    const [first] = sink.records()
    const event = toOcsf(first as never, { product: { name: 'a', vendorName: 'b' } }) as never as Record<string, object>
    expect(event['unmapped']).toMatchObject({ claimed_invoker: bob.did })
    expect(JSON.stringify(event['actor'] ?? {})).not.toContain(bob.did)
    expect(rowOf((first as AuditRecord).event, { sequence: 1, log: 'a' }, () => undefined)).toMatchObject({
      decision: 'denied',
      about: 'proof_missing',
      claimedAgent: bob.did,
    })
  })

  it('AUD-24 is recorded as authenticated only if its invoker signed it [attack 81]', async () => {
    const { guard, sink, denied } = setUp()
    const codes: string[] = []
    for (const container of [await forged(), await refused(), 'nonsense']) {
      const result = await guard.use(container, () => 'ran')
      codes.push(result.allowed ? 'allowed' : result.denial.code)
    }
    expect(codes).toEqual(['signature_invalid', 'arguments_invalid', 'unsupported'])
    expect(denied().map(({ invoker, authenticated }) => [invoker, authenticated])).toEqual([
      [bob.did, false],
      [bob.did, true],
      [undefined, false],
    ])
    for (const event of denied()) expect(Object.keys(event)).not.toEqual(expect.arrayContaining(['args']))
    for (const event of denied()) expect(Object.keys(event)).not.toEqual(expect.arrayContaining(['principals']))
    const exported = sink
      .records()
      .map((record) => toOcsf(record, { product: { name: 'mail', vendorName: 'Example' } }))
    const naming = ({ actor: who, src_endpoint: from, ai_agent: agent, resources, delegation }: (typeof exported)[0]) =>
      JSON.stringify({ who, from, agent, resources, delegation })
    expect(exported.map((event) => naming(event).includes(bob.did))).toEqual([false, true, false])
    expect(exported.map((event) => naming(event).includes(alice.did))).toEqual([false, true, false])
    expect(exported[0]?.unmapped).toMatchObject({
      authenticated: false,
      claimed_invoker: bob.did,
      claimed_subject: alice.did,
      claimed_chain: proofs.map(({ cid }) => cid.toString()),
    })
  })
})

describe('suppressed refusals', () => {
  const many = async (guard: ReturnType<typeof setUp>['guard'], container: string | Uint8Array, times: number) => {
    for (let i = 0; i < times; i++) expect((await guard.use(container, () => 'ran')).allowed).toBe(false)
  }
  const counts = (events: readonly DeniedEvent[]) =>
    events
      .filter(({ code }) => code === 'suppressed')
      .map(({ suppressed, authenticated }) => [suppressed, authenticated])

  it('AUD-10 that are forged do not suppress the refusal of a signed call [attack 81]', async () => {
    const { guard, denied } = setUp()
    await many(guard, await forged(), 200)
    await many(guard, await refused(), 15)
    const signed = denied().filter(({ authenticated }) => authenticated)
    expect(signed.map(({ invoker, code }) => [invoker, code])).toEqual(
      Array.from({ length: 10 }, () => [bob.did, 'arguments_invalid']),
    )
    expect(denied().filter(({ authenticated }) => !authenticated)).toHaveLength(100)
    await guard.close()
    expect(counts(denied())).toEqual([
      [100, false],
      [5, true],
    ])
  })

  it('AUD-10 are limited by options that are inherited, and a misspelt inherited one is refused', async () => {
    const { guard, denied } = setUp({ denials: Object.create({ unauthenticated: 2 }) })
    await many(guard, await forged(), 9)
    expect(denied()).toHaveLength(2)
    expect(() => setUp({ denials: Object.create({ unauthenticatd: 2 }) })).toThrow(
      'createGuard: `audit.denials` has no option `unauthenticatd`',
    )
  })

  it('AUD-27 of strangers do not suppress the refusals of agents with a delegation of a subject [attack 81]', async () => {
    const { guard, denied } = setUp({ denials: { inAll: 3, unauthenticated: 4 } })
    for (let i = 0; i < 4; i++) {
      const stranger = await generateSigner()
      const own = await delegationOf(mallory, mallory, stranger)
      const forged = await delegationOf(mallory, alice, stranger)
      // With its own subject; with Alice's without a delegation, with a foreign delegation, and with a forged one.
      await many(guard, await signedBy(stranger, stranger.did, []), 1)
      await many(guard, await signedBy(stranger, alice.did, []), 1)
      await many(guard, await signedBy(stranger, alice.did, [own]), 1)
      await many(guard, await signedBy(stranger, alice.did, [forged]), 1)
    }
    await many(guard, await refused(), 2)
    expect(denied().map(({ code, authenticated }) => [code, authenticated])).toEqual([
      ['subject_not_accepted', false],
      ['root_not_subject', false],
      ['subject_misaligned', false],
      ['signature_invalid', false],
      ['arguments_invalid', true],
      ['arguments_invalid', true],
    ])
    await guard.close()
    expect(counts(denied())).toEqual([[12, false]])
  })

  it('AUD-42 are reported when the guard closes, also for dry runs', async () => {
    const { guard, denied } = setUp({ denials: { unauthenticated: 2 } })
    await many(guard, 'nonsense', 5)
    for (let i = 0; i < 7; i++) await guard.dryRun('nonsense')
    await guard.close()
    const told = denied().filter(({ code }) => code === 'suppressed')
    expect(told.map(({ mode = 'enforce', suppressed }) => [mode, suppressed])).toEqual([
      ['shadow', 5],
      ['enforce', 3],
    ])
    expect(denied()).toHaveLength(2 + 2 + 2)
  })

  it('AUD-42 are reported a period later, even without another call', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { guard, denied } = setUp({ denials: { unauthenticated: 1, period: 30 } })
    await many(guard, 'nonsense', 4)
    await vi.advanceTimersByTimeAsync(29_999)
    expect(counts(denied())).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(counts(denied())).toEqual([[3, false]])
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect(counts(denied())).toEqual([[3, false]])
    await many(guard, 'nonsense', 2)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(counts(denied())).toEqual([
      [3, false],
      [2, false],
    ])
  })

  it('AUD-42 are reported with the first refusal of a later period, if no timer runs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const moving = stoppedClock(clock.now())
    const { guard, denied } = setUp({ denials: { unauthenticated: 1 } }, { clock: moving })
    await many(guard, 'nonsense', 4)
    moving.set(moving.now() + 60)
    await many(guard, 'nonsense', 1)
    expect(denied().map(({ code, suppressed }) => [code, suppressed])).toEqual([
      ['unsupported', undefined],
      ['suppressed', 3],
      ['unsupported', undefined],
    ])
  })

  it('AUD-42 are reported even after their record has failed several times, with the refusals whose record failed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const memory = memoryAuditSink()
    let down = false
    const errors: unknown[] = []
    const sink: AuditSink = {
      ...memory,
      append: (event, options) => (down ? Promise.reject(new Error('disk full')) : memory.append(event, options)),
    }
    const { guard } = setUp({ sink, denials: { unauthenticated: 2 } }, { onError: (error) => void errors.push(error) })
    const denied = () => memory.records().flatMap(({ event }) => (event.kind === 'denied' ? [event] : []))
    await many(guard, 'nonsense', 1)
    down = true
    await many(guard, 'nonsense', 9)
    expect(errors).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(errors).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(errors).toHaveLength(3)
    expect(denied()).toHaveLength(1)
    down = false
    await vi.advanceTimersByTimeAsync(60_000)
    expect(counts(denied())).toEqual([[9, false]])
    down = true
    await many(guard, 'nonsense', 4)
    await expect(guard.close()).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    await expect(memory.append(denied()[0] as DeniedEvent, {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    // The guard waits for its calls, and then for the record alone.
    ['a refusal', 1_500],
    ['the number', 100],
  ])('AUD-42 are reported at the end, when the pending record of %s fails', async (what, failsAfter) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const memory = memoryAuditSink()
    const waiting: ((error: Error) => void)[] = []
    const isHeld = (event: AuditEvent): boolean =>
      waiting.length === 0 && (event.kind === 'denied' && event.code === 'suppressed') === (what === 'the number')
    const sink: AuditSink = {
      ...memory,
      append: (event, options) =>
        isHeld(event) ? new Promise((_, reject) => waiting.push(reject)) : memory.append(event, options),
    }
    const audit = { sink, deadlineMs: 600_000, denials: { unauthenticated: 1 } }
    const { guard } = setUp(audit, { deadlines: { closeMs: 1_000 } })
    const calls = Array.from({ length: 3 }, () => guard.use('nonsense', () => 'ran'))
    await vi.advanceTimersByTimeAsync(60_000)
    const closed = guard.close()
    await vi.advanceTimersByTimeAsync(failsAfter)
    waiting[0]?.(new Error('disk full'))
    await closed
    await Promise.all(calls)
    const denied = memory.records().flatMap(({ event }) => (event.kind === 'denied' ? [event] : []))
    expect(waiting).toHaveLength(1)
    expect(denied.reduce((sum, { suppressed = 1 }) => sum + suppressed, 0)).toBe(3)
  })

  it('AUD-42 that come after the guard has closed are each reported to `onError`', async () => {
    const codes: string[] = []
    const { guard, denied } = setUp(
      { denials: { unauthenticated: 1 } },
      {
        revocations: { findRevocations: () => new Promise(() => undefined) },
        deadlines: { closeMs: 5, decisionMs: 100 },
        onError: (error) => void (error instanceof AuditError && codes.push(error.code)),
      },
    )
    const container = encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann' } }), ...proofs])
    const calls = Array.from({ length: 3 }, () => guard.use(container, () => 'ran'))
    await guard.close()
    for (const result of await Promise.all(calls)) expect(result).toMatchObject({ allowed: false })
    expect(denied()).toEqual([])
    expect(codes).toEqual(Array.from({ length: 3 }, () => 'ERR_AUDIT_CLOSED'))
  })

  it('AUD-42 do not keep the process alive', async () => {
    const { guard } = setUp({ denials: { unauthenticated: 1 } })
    await many(guard, 'nonsense', 1)
    // Timers that keep the process alive; unref'd timers are not included.
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    await many(guard, 'nonsense', 2)
    expect(timers()).toBe(before)
    await guard.close()
  })
})
