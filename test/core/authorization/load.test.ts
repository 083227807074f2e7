import { describe, expect, it, vi } from 'vitest'
import { backend } from '#backend'
import { authorizeMany } from '../../../src/core/authorization/authorize-many.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { encodeBase64url } from '../../../src/core/ipld/base.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import type { CryptoBackend } from '../../../src/core/principal/backend/backend.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { actor, now } from '../../support/actors.ts'
import { call, chainOf, createService, delegateRaw, verdict } from '../../support/service.ts'

const [alice, bob] = (await Promise.all([actor('alice'), actor('bob')])) as [Signer, Signer]
const proofs = await chainOf(alice, bob)

/** A back end that counts where it is asked to verify. */
function counted(): { readonly backend: CryptoBackend; readonly here: () => number; readonly elsewhere: () => number } {
  let here = 0
  let elsewhere = 0
  return {
    backend: {
      ...backend,
      verify: (...args) => {
        here += 1
        return backend.verify(...args)
      },
      verifyAsync: (...args) => {
        elsewhere += 1
        return backend.verifyAsync?.(...args) ?? Promise.reject(new Error('there are no other threads'))
      },
    },
    here: () => here,
    elsewhere: () => elsewhere,
  }
}

async function containers(count: number): Promise<readonly string[]> {
  const calls = await Promise.all(Array.from({ length: count }, () => call({ issuer: bob, proofs })))
  return calls.map((invocation) => encodeContainer([invocation, ...proofs]))
}

describe('signatures are verified', () => {
  it('in the turn of the call when it is alone', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    for (const container of await containers(5)) {
      expect(verdict(await service.authorize(container))).toBe('allowed')
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([count.here(), count.elsewhere()]).toEqual([6, 0])
  })

  it('in the turn of the call when each call is awaited before the next', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const all = await containers(20)
    // A callback of `setImmediate` would be in one turn of the event loop with the timer below.
    await new Promise<void>((resolve) => setTimeout(resolve, 0))
    for (const container of all.slice(0, 8)) expect(verdict(await service.authorize(container))).toBe('allowed')
    // The loop begins in a microtask, in a callback of `nextTick`, or where a caller listens to an event.
    await Promise.resolve()
    for (const container of all.slice(8, 14)) expect(verdict(await service.authorize(container))).toBe('allowed')
    await new Promise<void>((resolve) => process.nextTick(resolve))
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
    for (const container of all.slice(14)) expect(verdict(await service.authorize(container))).toBe('allowed')
    expect([count.here(), count.elsewhere()]).toEqual([21, 0])
  })

  it('on another thread now and then when many calls are awaited one by one, so that the event loop turns', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    let turns = 0
    let isOver = false
    const turn = () => {
      turns += 1
      if (!isOver) setImmediate(turn)
    }
    const all = await containers(200)
    setImmediate(turn)
    for (const container of all) expect(verdict(await service.authorize(container))).toBe('allowed')
    isOver = true
    expect(turns).toBeGreaterThan(0)
    expect(count.here() + count.elsewhere()).toBe(201)
    expect(count.here()).toBeGreaterThan(10 * count.elsewhere())
  })

  it('on other threads, except the first, when calls arrive in several callbacks of one turn', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const decisions = (await containers(6)).map(
      (container) =>
        new Promise<string>((resolve, reject) => {
          setImmediate(() => service.authorize(container).then((decision) => resolve(verdict(decision)), reject))
        }),
    )
    expect(await Promise.all(decisions)).toEqual(Array.from({ length: 6 }, () => 'allowed'))
    expect([count.here(), count.elsewhere()]).toEqual([2, 5])
  })

  it('on other threads, except the first, when calls arrive in several functions that await the same event', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const event = new Promise<void>((resolve) => setImmediate(resolve))
    const decisions = (await containers(5)).map(async (container) => {
      await event
      return verdict(await service.authorize(container))
    })
    expect(await Promise.all(decisions)).toEqual(Array.from({ length: 5 }, () => 'allowed'))
    expect([count.here(), count.elsewhere()]).toEqual([2, 4])
  })

  it('without that distinction by a back end that cannot distinguish callbacks', async () => {
    const count = counted()
    const { nextCallback, ...older } = count.backend
    const service = createService({ backend: older })
    const decisions = await Promise.all((await containers(8)).map((container) => service.authorize(container)))
    expect(decisions.map(verdict)).toEqual(Array.from({ length: 8 }, () => 'allowed'))
    expect([count.here(), count.elsewhere()]).toEqual([2, 7])
    expect(nextCallback).toBeDefined()
  })

  it('on other threads when several calls are there, but for the first', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const decisions = await Promise.all((await containers(8)).map((container) => service.authorize(container)))
    expect(decisions.map(verdict)).toEqual(Array.from({ length: 8 }, () => 'allowed'))
    expect([count.here(), count.elsewhere()]).toEqual([2, 7])
  })

  it('on other threads as long as something is there, and here again afterwards', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const [first, second, third, fourth] = (await containers(4)) as [string, string, string, string]
    const two = Promise.all([service.authorize(first), service.authorize(second)])
    await new Promise((resolve) => setImmediate(resolve))
    const following = service.authorize(third)
    await Promise.all([two, following])
    const elsewhere = count.elsewhere()
    await new Promise((resolve) => setImmediate(resolve))
    expect(verdict(await service.authorize(fourth))).toBe('allowed')
    expect(count.elsewhere()).toBe(elsewhere)
    expect(count.here() + elsewhere).toBe(5)
  })

  it('in their turn by authorizeSync, whatever else is there', async () => {
    const count = counted()
    const service = createService({ backend: count.backend })
    const all = await containers(4)
    for (const container of all) expect(verdict(service.authorizeSync(container))).toBe('allowed')
    expect(count.elsewhere()).toBe(0)
  })

  it('with the same verdicts either way', async () => {
    const [good] = (await containers(1)) as [string]
    const bad = encodeContainer([
      await call({ issuer: { ...bob, sign: (bytes) => alice.sign(bytes) } as Signer, proofs }).catch(
        () => proofs[0] as never,
      ),
      ...proofs,
    ])
    const service = createService()
    const together = await Promise.all([good, bad, good, 'C'].map((container) => service.authorize(container)))
    const alone = createService()
    expect(together.map(verdict)).toEqual(
      [good, bad, good, 'C'].map((container) => verdict(alone.authorizeSync(container))),
    )
  })
})

describe('authorizeMany', () => {
  it('gives the decisions in the order of the calls, some at a time', async () => {
    const all = await containers(20)
    let running = 0
    let most = 0
    const service = createService({
      replay: {
        claim: async () => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running -= 1
          return true
        },
      },
    })
    const mixed = all.map((container, index) => (index % 3 === 0 ? 'C' : container))
    const decisions = await authorizeMany(service, mixed, { concurrency: 4 })
    expect(decisions.map(({ allowed }) => allowed)).toEqual(mixed.map((container) => container !== 'C'))
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
    expect(await authorizeMany(service, [])).toEqual([])
  })

  it('begins nothing when an argument is wrong, and stops when the host fails', async () => {
    const all = await containers(3)
    const service = createService()
    for (const concurrency of [0, -1, 1.5, Number.NaN]) {
      await expect(authorizeMany(service, all, { concurrency })).rejects.toThrow('`concurrency`')
    }
    for (const one of [all[0], new TextEncoder().encode(all[0]), undefined, { length: 1 }]) {
      await expect(authorizeMany(service, one as never)).rejects.toThrow('a list of containers')
    }
    const forgotten = [...all, Promise.resolve(all[0]) as never]
    await expect(authorizeMany(service, forgotten)).rejects.toThrow('`containers[3]` is a promise; await it')
    expect((await authorizeMany(service, all)).map(verdict)).toEqual(['allowed', 'allowed', 'allowed'])
    expect((await authorizeMany(service, new Set(all))).map(verdict)).toHaveLength(3)
    let asked = 0
    const clock = {
      now: () => {
        asked += 1
        throw new Error('no time')
      },
    }
    await expect(authorizeMany(createService({ clock }), all, { concurrency: 1 })).rejects.toThrow('no time')
    expect(asked).toBe(1)
  })

  it('begins no other call once the host has failed at one, while others are decided', async () => {
    const all = await containers(6)
    let asked = 0
    const failingFirst = {
      now: () => {
        asked += 1
        if (asked === 1) throw new Error('no time')
        return now
      },
    }
    let claim = (): Promise<boolean> => Promise.resolve(true)
    const claimed = new Promise<(first: boolean) => void>((resolve) => {
      claim = () => new Promise((answer) => resolve(answer))
    })
    const service = createService({ clock: failingFirst, replay: { claim: () => claim() } })
    await expect(authorizeMany(service, all, { concurrency: 2 })).rejects.toThrow('no time')
    const answer = await claimed
    answer(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(2)
  })

  it('decides about the calls that were there when it was asked', async () => {
    const all = [...(await containers(2))]
    const decisions = authorizeMany(createService(), all)
    all.push('C')
    expect((await decisions).map(verdict)).toEqual(['allowed', 'allowed'])
  })
})

describe('policies of unverified tokens', () => {
  const statements = Array.from({ length: 100 }, () => ['==', '.a'.repeat(64), 1])

  /** How many objects are made and frozen while a call is decided. */
  async function frozenFor(tokens: readonly Uint8Array[], wanted: string): Promise<number> {
    const container = `C${encodeBase64url(encodeCbor({ 'ctn-v1': tokens }))}`
    const service = createService()
    const freeze = vi.spyOn(Object, 'freeze')
    const decision = service.authorizeSync(container)
    const { length } = freeze.mock.calls
    freeze.mockRestore()
    expect(verdict(decision)).toBe(wanted)
    return length
  }

  it('are checked but not compiled, and read once when a token is present many times', async () => {
    const heavy = await delegateRaw(alice, bob, { policy: statements })
    const forged = await call({ issuer: bob, subject: alice.did })
    const wanted = 'root_not_subject at 0 PRF-02'
    const alone = await frozenFor([forged.bytes], wanted)
    const once = await frozenFor([forged.bytes, heavy.bytes], wanted)
    // One for each statement and a few more; a segment would be 64 for each statement.
    expect(once - alone).toBeLessThan(2 * statements.length)
    expect((await frozenFor([forged.bytes, ...Array(6).fill(heavy.bytes)], wanted)) - once).toBeLessThan(10)
  })

  it('are compiled when they are asked, once', async () => {
    const heavy = await delegateRaw(alice, bob, { policy: statements })
    const service = createService()
    const wanted = 'policy_unsatisfied at 0 PRF-11'
    for (const least of [64 * statements.length, 0]) {
      const container = encodeContainer([await call({ issuer: bob, proofs: [heavy] }), heavy])
      const freeze = vi.spyOn(Object, 'freeze')
      const decision = service.authorizeSync(container)
      const { length } = freeze.mock.calls
      freeze.mockRestore()
      expect(verdict(decision)).toBe(wanted)
      expect(length).toBeGreaterThan(least)
      expect(length).toBeLessThan(least + 64 * statements.length)
    }
  })
})
