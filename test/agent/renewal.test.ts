import { describe, expect, it, vi } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { type DelegateOptions, delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { memoryDelegationStore } from '../../src/core/proof/memory-delegation-store.ts'
import { actor, now } from '../support/actors.ts'

const owner = await actor('owner')
const signer = await actor('agent')

/** A clock that the test turns. */
function turning(): { now: () => number; time: number } {
  const clock = { time: now, now: () => clock.time }
  return clock
}

const grant = (clock: { now: () => number }, options: Partial<DelegateOptions> = {}) =>
  delegate({ issuer: owner, audience: signer.did, command: '/mail', clock, expiresIn: 100, ...options })

describe('AGT-09 delegations are renewed before they expire', () => {
  it('when the agent uses one that expires soon, once at a time', async () => {
    const clock = turning()
    const renew = vi.fn(async ([last]: readonly Delegation[]) => {
      expect(last?.audience).toBe(signer.did)
      return encodeContainer([await grant(clock)])
    })
    const agent = await openAgent({ signer, clock, delegations: [await grant(clock)], renew, renewBefore: 30 })
    expect((await agent.can('/mail')).ok).toBe(true)
    expect(renew).not.toHaveBeenCalled()
    clock.time += 80
    const answers = await Promise.all([agent.can('/mail'), agent.can('/mail'), agent.can('/mail')])
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, true])
    await vi.waitFor(async () => expect(await agent.can('/mail')).toMatchObject({ expiration: now + 180 }), 20_000)
    expect(renew).toHaveBeenCalledTimes(1)
    agent.close()
  })

  it('or when it has expired already, and the call waits for it', async () => {
    const clock = turning()
    const renew = vi.fn(async () => encodeContainer([await grant(clock)]))
    const agent = await openAgent({ signer, clock, delegations: [await grant(clock)], renew })
    clock.time += 200
    expect(await agent.can('/mail')).toMatchObject({ ok: true, expiration: now + 300 })
    agent.close()
  })

  it.each<[string, (clock: { now: () => number }) => Promise<string | undefined>]>([
    ['rejects', () => Promise.reject(new Error('unreachable'))],
    [
      'throws',
      () => {
        throw new Error('unreachable')
      },
    ],
    ['has no successor', async () => undefined],
    ['returns the same time again', async (clock) => encodeContainer([await grant(clock, { expiration: now + 100 })])],
    ['returns another command', async (clock) => encodeContainer([await grant(clock, { command: '/calendar' })])],
    ['returns one for another', async (clock) => encodeContainer([await grant(clock, { audience: owner.did })])],
    [
      'returns a successor with another command beside it',
      async (clock) => encodeContainer([await grant(clock), await grant(clock, { command: '/calendar' })]),
    ],
    ['returns garbage', async () => 'Cgarbage'],
  ])('keeps the old one until it expires when `renew` %s', async (_, renewWith) => {
    const clock = turning()
    const renew = vi.fn(() => renewWith(clock))
    const onError = vi.fn()
    const agent = await openAgent({ signer, clock, delegations: [await grant(clock)], renew, onError })
    clock.time += 90
    expect((await agent.can('/mail')).ok).toBe(true)
    await vi.waitFor(() => expect(renew).toHaveBeenCalledTimes(1), 20_000)
    // It is not asked again at once.
    expect((await agent.can('/mail')).ok).toBe(true)
    expect(renew).toHaveBeenCalledTimes(1)
    clock.time += 20
    expect(await agent.can('/mail')).toMatchObject({ ok: false, denial: { code: 'expired' } })
    // Nothing else was stored.
    expect((await agent.can('/calendar')).ok).toBe(false)
    agent.close()
  })

  it('also while the agent is idle, and not after it is closed', async () => {
    vi.useFakeTimers()
    try {
      const clock = turning()
      const renew = vi.fn(async () => encodeContainer([await grant(clock)]))
      const agent = await openAgent({ signer, clock, delegations: [await grant(clock)], renew, renewBefore: 30 })
      clock.time += 75
      await vi.advanceTimersByTimeAsync(75_000)
      expect(renew).toHaveBeenCalledTimes(1)
      agent.close()
      clock.time += 1_000
      await vi.advanceTimersByTimeAsync(1_000_000)
      expect(renew).toHaveBeenCalledTimes(1)
      await expect(agent.can('/mail')).rejects.toThrow('this agent is closed')
    } finally {
      vi.useRealTimers()
    }
  })

  it('for a bounded time, after which the error names the limit', async () => {
    const clock = turning()
    const errors: unknown[] = []
    const agent = await openAgent({
      signer,
      clock,
      delegations: [await grant(clock)],
      renew: () => new Promise<never>(() => undefined),
      renewTimeoutMs: 20,
      onError: (error) => errors.push(error),
    })
    clock.time += 90
    await agent.can('/mail')
    await vi.waitFor(() => expect(errors).toHaveLength(1), 20_000)
    expect(String(errors[0])).toContain('`renew` did not end within 20 ms; raise `renewTimeoutMs`')
    agent.close()
  })

  it('with a signal that is aborted when the agent is closed', async () => {
    const clock = turning()
    let given: AbortSignal | undefined
    const renew = (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
      given = signal
      return new Promise<never>(() => undefined)
    }
    const agent = await openAgent({ signer, clock, delegations: [await grant(clock)], renew })
    clock.time += 90
    await agent.can('/mail')
    await vi.waitFor(() => expect(given).toBeDefined(), 20_000)
    agent.close()
    expect(given?.aborted).toBe(true)
  })
})

describe('AGT-42 a store of an agent that lives for months', () => {
  it('keeps no delegation that has a successor, and the others for an hour', async () => {
    const clock = turning()
    const store = memoryDelegationStore([], { maxEntries: 4 })
    const agent = await openAgent({ signer, clock, store })
    const other = await grant(clock, { command: '/calendar' })
    expect(await agent.receive(encodeContainer([other]))).toMatchObject({ accepted: true })
    for (let renewals = 0; renewals < 30; renewals++) {
      expect(await agent.receive(encodeContainer([await grant(clock)]))).toMatchObject({ accepted: true })
      clock.time += 100
    }
    expect((await store.load({})).length).toBeLessThanOrEqual(4)
    // It has no successor: after half an hour it can still be renewed, and after an hour it is removed.
    clock.time = now + 3_100
    await agent.receive(encodeContainer([await grant(clock)]))
    const kept = async (): Promise<boolean> =>
      (await store.load({})).some((bytes) => Buffer.compare(bytes, other.bytes) === 0)
    expect(await kept()).toBe(true)
    clock.time = now + 3_900
    await agent.receive(encodeContainer([await grant(clock)]))
    expect(await kept()).toBe(false)
  })
})
