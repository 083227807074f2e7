import { describe, expect, it } from 'vitest'
import { anySubject } from '../../../src/core/capability/subject.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { type FindProofsOptions, findProofs } from '../../../src/core/proof/find-proofs.ts'
import { memoryProofStore } from '../../../src/core/proof/memory-proof-store.ts'
import { ProofSearchError, StoreError, StoreFullError } from '../../../src/errors.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, chainOf, decide, delegateRaw } from '../../support/service.ts'

const [alice, bob, carol, dan, erin] = (await Promise.all(
  ['alice', 'bob', 'carol', 'dan', 'erin'].map((name) => actor(name)),
)) as [Signer, Signer, Signer, Signer, Signer]

function find(delegations: Iterable<Delegation>, change: Partial<FindProofsOptions> = {}) {
  const store = memoryProofStore()
  store.add(delegations)
  return findProofs(store, { invoker: dan.did, subject: alice.did, command: '/mail/send', clock, ...change })
}

describe('findProofs', () => {
  it('finds a chain that the service allows, root first', async () => {
    const chain = await chainOf(alice, bob, carol, dan)
    const noise = [
      ...(await chainOf(erin, carol)),
      ...(await chainOf(bob, dan)),
      await delegateRaw(carol, dan, { subject: alice.did, command: '/file' }),
    ]
    const found = await find([...noise, ...chain].reverse())
    expect(found).toEqual(chain)
    expect(await decide([await call({ issuer: dan, proofs: found ?? [] }), ...(found ?? [])])).toBe('allowed')
  })

  it('finds the shortest', async () => {
    const long = await chainOf(alice, bob, carol, dan)
    const short = await chainOf(alice, dan)
    expect(await find([...long, ...short])).toEqual(short)
  })

  it('returns an empty list when the invoker is the subject', async () => {
    expect(await find([], { invoker: alice.did })).toEqual([])
  })

  it('goes through delegations of any subject, and does not begin with one', async () => {
    const root = await delegateRaw(alice, bob)
    const power = await delegateRaw(bob, dan, { subject: anySubject })
    expect(await find([root, power])).toEqual([root, power])
    expect(await find([await delegateRaw(alice, dan, { subject: anySubject })])).toBeUndefined()
  })

  it('skips unusable delegations: by time, by command at each hop, and by policy', async () => {
    expect(await find([await delegateRaw(alice, dan, { expiration: now - 1 })])).toBeUndefined()
    expect(await find([await delegateRaw(alice, dan, { notBefore: now + 1 })])).toBeUndefined()
    expect(await find([await delegateRaw(alice, dan, { expiration: now + 30 })], { validFor: 60 })).toBeUndefined()
    for (const within of [{ expiration: now + 60 }, { expiration: now + 60, notBefore: now }]) {
      const chain = [await delegateRaw(alice, dan, within)]
      expect(await find(chain, { validFor: 60 })).toEqual(chain)
      expect(await find(chain, { validFor: 61 })).toBeUndefined()
    }
    const narrowThenWide = [
      await delegateRaw(alice, bob, { command: '/mail/send' }),
      await delegateRaw(bob, dan, { subject: alice.did, command: '/mail' }),
    ]
    expect(await find(narrowThenWide)).toBeUndefined()
    const limited = await delegateRaw(alice, dan, { policy: [['<', '.n', 5]] })
    expect(await find([limited], { args: { n: 4 } })).toEqual([limited])
    expect(await find([limited], { args: { n: 5 } })).toBeUndefined()
    expect(await find([limited])).toEqual([limited])
  })

  it('looks at each delegation once, whatever circles they make, and stops where it must [attack 25]', async () => {
    const everyone = [bob, carol, dan, erin]
    const circles = await Promise.all(
      everyone.flatMap((from) => everyone.map((to) => delegateRaw(from, to, { subject: alice.did }))),
    )
    expect(await find(circles)).toBeUndefined()
    await expect(find(circles, { maxSteps: 3 })).rejects.toThrow(ProofSearchError)
    const chain = await chainOf(alice, bob, carol, dan)
    expect(await find(chain, { maxLength: 2 })).toBeUndefined()
    await expect(find(chain, { maxLength: 0 })).rejects.toThrow(/maxLength/)
  })
})

describe('a proof store', () => {
  it('is searched even if it returns all its delegations, for any audience', async () => {
    const chain = await chainOf(alice, bob, carol, dan)
    const store = { delegationsTo: () => chain }
    const found = await findProofs(store, { invoker: dan.did, subject: alice.did, command: '/mail', clock })
    expect(found).toEqual(chain)
  })

  it('that gives something else than delegations is a store that failed', async () => {
    for (const answer of [undefined, 5, [null], ['x'], [{ kind: 'invocation' }], [{ kind: 'delegation' }]]) {
      const store = { delegationsTo: async () => answer as never }
      const found = findProofs(store, { invoker: dan.did, subject: alice.did, command: '/mail', clock })
      await expect(found, JSON.stringify(answer)).rejects.toThrow(StoreError)
    }
  })
})

describe('a proof store that never answers', () => {
  it('is given up when the signal is aborted, whether it minds it or not', async () => {
    const store = { delegationsTo: () => new Promise<never>(() => undefined) }
    const search = { invoker: dan.did, subject: alice.did, command: '/mail', clock }
    const { signal, abort } = stopping()
    const found = findProofs(store, { ...search, signal })
    abort()
    await expect(found).rejects.toBe(signal.reason)
  })
})

describe('memoryProofStore', () => {
  it('keeps each delegation once, and no more than it may', async () => {
    const [delegation] = (await chainOf(alice, bob)) as [Delegation]
    const store = memoryProofStore({ maxEntries: 1 })
    store.add([delegation, delegation])
    expect([...(await store.delegationsTo(delegation.audience, {}))]).toEqual([delegation])
    const more = await chainOf(alice, carol)
    expect(() => store.add(more)).toThrow(StoreFullError)
    expect(() => store.add(delegation as never)).toThrow('a list of delegations')
    expect(() => store.add([delegation, delegation.cid] as never)).toThrow('a list of delegations')
  })
})

/** A signal, and the function that aborts it. */
function stopping() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(new Error('too late')) }
}
