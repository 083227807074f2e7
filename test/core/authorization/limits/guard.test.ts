import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { AuditEvent } from '../../../../src/audit/events/event.ts'
import { memoryAuditSink } from '../../../../src/audit/sinks/memory-audit-sink.ts'
import type { LimitStore } from '../../../../src/core/authorization/limits/limit-store.ts'
import {
  type MemoryLimitStore,
  memoryLimitStore,
} from '../../../../src/core/authorization/limits/memory-limit-store.ts'
import { memoryReplayStore } from '../../../../src/core/authorization/replay-store.ts'
import { text } from '../../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../../src/core/capability/definition.ts'
import { maxConcurrent, maxRate, maxSum, maxUses } from '../../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../../src/core/container/container.ts'
import type { Delegation } from '../../../../src/core/delegation/delegation.ts'
import { memoryRevocationStore } from '../../../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../../../src/guard/guard.ts'
import type { GuardOptions } from '../../../../src/guard/options.ts'
import { actor } from '../../../support/actors.ts'
import { call, delegateRaw, service } from '../../../support/service.ts'

const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
const start = 1_800_000_000
const pay = defineCommand({ command: '/pay', args: { amount: text() } })

function setUp(change: Partial<GuardOptions> = {}) {
  let time = start
  const clock = { now: () => time }
  const sink = memoryAuditSink()
  const limitStore = memoryLimitStore({ clock })
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [pay] as GuardOptions['commands'],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink },
    clock,
    limitStore,
    ...change,
  })
  const events = (): AuditEvent[] => sink.records().map(({ event }) => event)
  const kinds = (): string[] =>
    events().map((event) => ('status' in event ? `${event.kind} ${event.status}` : event.kind))
  const advance = (seconds: number): void => {
    time += seconds
  }
  return { guard, sink, events, kinds, clock, limitStore, advance }
}

const grant = (...policy: readonly unknown[]): Promise<Delegation> =>
  delegateRaw(alice, bob, { command: '/pay', policy, expiration: start + 86_400 })

async function containerOf(proof: Delegation, time = start): Promise<string> {
  const clock = { now: () => time }
  const invocation = await call({
    issuer: bob,
    proofs: [proof],
    command: '/pay',
    args: { amount: '2.50' },
    clock,
  } as never)
  return encodeContainer([invocation, proof])
}

/** `ok`, or the code of the denial. */
async function use(guard: ReturnType<typeof setUp>['guard'], proof: Delegation, time = start): Promise<string> {
  const result = await guard.use(await containerOf(proof, time), () => 'done')
  return result.allowed ? 'ok' : result.denial.code
}

describe('LMT-16 a guard', () => {
  it('asks its store about no call whose chain has no limits', async () => {
    const asked = vi.fn(() => Promise.reject(new Error('down')))
    const limitStore = { reserve: asked, commit: asked, release: asked, remaining: asked } as unknown as LimitStore
    const { guard, events, kinds } = setUp({ limitStore })
    expect(await use(guard, await grant())).toBe('ok')
    expect(await guard.authorize(await containerOf(await grant()))).toMatchObject({ allowed: true })
    expect(asked).not.toHaveBeenCalled()
    expect(kinds()).toEqual(['intent', 'outcome ok'])
    expect(events()[0]).not.toHaveProperty('limits')
  })

  it('LMT-12 counts the period of a rate from the start of the handler, however late the audit sink is', async () => {
    const sink = memoryAuditSink()
    const set = setUp({
      audit: {
        sink: {
          ...sink,
          async append(event, options) {
            if (set.clock.now() === start) set.advance(4)
            return sink.append(event, options)
          },
        },
      },
    })
    const proof = await grant(maxRate(2, 1))
    expect(await Promise.all([use(set.guard, proof), use(set.guard, proof)])).toEqual(['ok', 'ok'])
    // Both calls have just begun.
    expect(await use(set.guard, proof, set.clock.now())).toBe('limit_busy')
    set.advance(2)
    expect(await use(set.guard, proof, set.clock.now())).toBe('ok')
  })

  it('counts each call whose handler has started, also one that failed', async () => {
    const { guard, kinds } = setUp()
    const proof = await grant(maxUses(2))
    const failing = guard.use(await containerOf(proof), () => {
      throw new Error('upstream')
    })
    await expect(failing).rejects.toThrow('upstream')
    expect(await use(guard, proof)).toBe('ok')
    expect(await use(guard, proof)).toBe('limit_exhausted')
    expect(kinds()).toEqual(['intent', 'outcome error', 'intent', 'outcome ok', 'denied'])
  })

  it('gives a use back when the intent could not be recorded', async () => {
    const sink = memoryAuditSink()
    let fails = true
    const broken = {
      ...sink,
      append: (...given: Parameters<typeof sink.append>) =>
        fails ? Promise.reject(new Error('disk')) : sink.append(...given),
    }
    const { guard } = setUp({ audit: { sink: broken } })
    const proof = await grant(maxUses(1))
    expect(await use(guard, proof)).toBe('audit_unavailable')
    fails = false
    expect(await use(guard, proof)).toBe('ok')
    expect(await use(guard, proof)).toBe('limit_exhausted')
  })

  it('GRD-20 gives a use back when the ledger does not confirm, also of a decision alone', async () => {
    let fails = true
    const used = async (): Promise<void> => {
      if (fails) throw new Error('the ledger is full')
    }
    const { guard, kinds, limitStore } = setUp({ ledger: { used } })
    const proof = await grant(maxUses(1), maxConcurrent(1))
    await expect(use(guard, proof)).rejects.toThrow('the ledger is full')
    await expect(guard.authorize(await containerOf(proof))).rejects.toThrow('the ledger is full')
    expect([kinds(), (limitStore as MemoryLimitStore).size]).toEqual([['intent', 'outcome error'], 0])
    fails = false
    expect(await use(guard, proof)).toBe('ok')
    expect(await use(guard, proof)).toBe('limit_exhausted')
  })

  it('GRD-20 gives a use back when the ledger confirms after the time limit of the handler', async () => {
    let confirm = (): void => undefined
    const used = (): Promise<void> => new Promise((resolve) => (confirm = resolve))
    const { guard, limitStore } = setUp({ ledger: { used }, deadlines: { handlerMs: 40 } })
    const proof = await grant(maxUses(1))
    await expect(use(guard, proof)).rejects.toThrow(/timed out after 40 ms/)
    confirm()
    await setImmediate()
    expect((limitStore as MemoryLimitStore).size).toBe(0)
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('store'))],
    ['answers false', () => false],
    ['answers something else', () => 'OK'],
    ['hangs', () => new Promise(() => undefined)],
  ])('does nothing when the commit %s', async (_, commit) => {
    const limitStore = { ...memoryLimitStore({ clock: { now: () => start } }), commit } as LimitStore
    const { guard, kinds, events } = setUp({ limitStore, deadlines: { decisionMs: 50 } })
    const proof = await grant(maxUses(1))
    let ran = false
    const result = await guard.use(await containerOf(proof), () => {
      ran = true
    })
    expect(ran).toBe(false)
    expect(result).toMatchObject({ allowed: false, denial: { code: 'limit_unknown', requirement: 'LMT-16' } })
    expect(kinds()).toEqual(['intent', 'outcome error'])
    expect(events()[1]).toMatchObject({ code: 'limit_unknown' })
  })

  it.each([
    ['at once', () => true],
    ['later', async () => true],
  ])('does nothing when the caller leaves during a commit that is confirmed %s', async (_, confirm) => {
    const caller = new AbortController()
    const commit = () => {
      caller.abort(new Error('left'))
      return confirm()
    }
    const limitStore = { ...memoryLimitStore({ clock: { now: () => start } }), commit } as LimitStore
    const { guard, kinds } = setUp({ limitStore })
    let ran = false
    const handler = (): void => {
      ran = true
    }
    const container = await containerOf(await grant(maxUses(1)))
    const settled = await guard.use(container, handler, { signal: caller.signal }).then(
      (result) => result.allowed,
      () => 'rejected',
    )
    expect([ran, settled === true, kinds()[0]]).toEqual([false, false, 'intent'])
  })

  it('refuses when the store hangs, within the deadline of a decision', async () => {
    const limitStore = { ...memoryLimitStore(), reserve: () => new Promise<never>(() => undefined) }
    const { guard } = setUp({ limitStore, deadlines: { decisionMs: 50 } })
    expect(['limit_unknown', 'deadline_exceeded']).toContain(await use(guard, await grant(maxUses(1))))
  })

  it('LMT-18 reports nothing when the store hangs, and reads no container for longer than a decision', async () => {
    const limitStore = { ...memoryLimitStore(), remaining: () => new Promise<never>(() => undefined) }
    const reading = {
      recognizes: () => true,
      read: () => undefined,
      open: () => new Promise<never>(() => undefined),
    } as never
    const { guard } = setUp({ limitStore, deadlines: { decisionMs: 50 } })
    const container = encodeContainer([await grant(maxUses(1))])
    await expect(guard.remaining(container)).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(guard.remaining(container, { signl: 1 } as never)).rejects.toThrow('no option `signl`')
    await expect(guard.open(container)).resolves.toMatchObject({ delegations: [expect.anything()] })
    const slow = setUp({ formats: [reading], deadlines: { decisionMs: 50 } })
    await expect(slow.guard.open(container)).rejects.toMatchObject({
      name: 'TimeoutError',
      message: /^the container was not read within 50 ms; raise `deadlines.decisionMs`/,
    })
  })

  it('gives a use back after a crash between reservation and commit', async () => {
    let reserved = (): void => undefined
    const reservation = new Promise<void>((resolve) => {
      reserved = resolve
    })
    const append = (): Promise<never> => {
      reserved()
      return new Promise(() => undefined)
    }
    const first = setUp({ audit: { sink: { ...memoryAuditSink(), append }, deadlineMs: 60_000 } })
    const proof = await grant(maxUses(1))
    // It waits for its record when its process ends.
    void first.guard.use(await containerOf(proof), () => 'never').catch(() => undefined)
    await reservation
    const second = setUp({ limitStore: first.limitStore })
    expect(await use(second.guard, proof)).toBe('limit_exhausted')
    first.advance(1_000)
    second.advance(1_000)
    expect(await use(second.guard, proof, start + 1_000)).toBe('ok')
  })

  it('counts a concurrent call until it has ended', async () => {
    const { guard } = setUp()
    const proof = await grant(maxConcurrent(1))
    let end = (): void => undefined
    const started = new Promise<void>((begin) => {
      void containerOf(proof).then((container) =>
        guard
          .use(container, async () => {
            begin()
            await new Promise<void>((resolve) => {
              end = resolve
            })
          })
          .then(() => ended()),
      )
    })
    let ended = (): void => undefined
    const over = new Promise<void>((resolve) => {
      ended = resolve
    })
    await started
    expect(await use(guard, proof)).toBe('limit_busy')
    end()
    await over
    expect(await use(guard, proof)).toBe('ok')
    expect(await use(guard, proof)).toBe('ok')
  })

  it('uses nothing in a dry run, which tells whether a call were possible', async () => {
    const { guard } = setUp()
    const proof = await grant(maxUses(1), maxSum('.amount', '4.00'))
    for (let time = 0; time < 3; time++) expect((await guard.dryRun(await containerOf(proof))).allowed).toBe(true)
    expect(await use(guard, proof)).toBe('ok')
    const after = await guard.dryRun(await containerOf(proof))
    expect(after).toMatchObject({ allowed: false, denial: { code: 'limit_exhausted' } })
  })

  it('makes a use final when it only decides', async () => {
    const { guard, advance } = setUp()
    const proof = await grant(maxUses(1))
    expect((await guard.authorize(await containerOf(proof))).allowed).toBe(true)
    advance(10_000)
    expect(await use(guard, proof, start + 10_000)).toBe('limit_exhausted')
  })
})

describe('LMT-17 the record of an intent', () => {
  it('contains the limits of the call, and the amount of a sum only if the argument is shown', async () => {
    const proof = await grant(maxUses(9), maxSum('.amount', '10.000'))
    for (const [show, sum] of [
      [[], {}],
      [['amount'], { amount: '2.500' }],
    ] as const) {
      const { guard, events } = setUp({ commands: [{ ...pay, show }] as GuardOptions['commands'] })
      expect(await use(guard, proof)).toBe('ok')
      expect(events()[0]).toMatchObject({
        kind: 'intent',
        limits: [
          { at: 0, statement: 0, operator: 'limit/uses', amount: 1 },
          { at: 0, statement: 1, operator: 'limit/sum', ...sum },
        ],
      })
      expect(JSON.stringify(events()).includes('2.5')).toBe(show.length > 0)
    }
  })
})
