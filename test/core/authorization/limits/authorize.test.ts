import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { defaultBounds } from '../../../../src/bounds.ts'
import { type Authorizer, createAuthorizer } from '../../../../src/core/authorization/authorize.ts'
import type { LimitStore } from '../../../../src/core/authorization/limits/limit-store.ts'
import {
  type MemoryLimitStore,
  memoryLimitStore,
} from '../../../../src/core/authorization/limits/memory-limit-store.ts'
import type { AuthorizeOptions } from '../../../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../../../src/core/authorization/replay-store.ts'
import { integer, text } from '../../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../../src/core/capability/definition.ts'
import { maxConcurrent, maxRate, maxSum, maxUses } from '../../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../../src/core/delegation/decode-delegation.ts'
import type { Delegation } from '../../../../src/core/delegation/delegation.ts'
import { openEnvelope } from '../../../../src/core/envelope/open.ts'
import { encodeHex } from '../../../../src/core/ipld/hex.ts'
import type { IpldMap } from '../../../../src/core/ipld/value.ts'
import { twinSignature } from '../../../../src/core/principal/signature.ts'
import type { Signer } from '../../../../src/core/principal/signer.ts'
import { never } from '../../../../src/time.ts'
import { actor, now } from '../../../support/actors.ts'
import { call, delegateRaw, serviceOptions, verdict } from '../../../support/service.ts'
import { decimal } from './decimal.ts'
import { verdictsOnSharedBudget } from './shared-budget.ts'

const [alice, bob, ...subs] = (await Promise.all(
  ['alice', 'bob', 'carol', 'dave', 'erin'].map((name) => actor(name)),
)) as [Signer, Signer, Signer, Signer, Signer]

function service(change: Partial<AuthorizeOptions> = {}): Authorizer {
  return createAuthorizer(serviceOptions({ limitStore: memoryLimitStore({ clock: { now: () => now } }), ...change }))
}

type Change = { readonly args?: IpldMap; readonly command?: string; readonly subject?: string }

/** The verdict about a new call. */
async function ask(
  authorizer: Authorizer,
  issuer: Signer,
  proofs: readonly Delegation[],
  { args = { amount: 1 }, command = '/mail/send', subject = alice.did }: Change = {},
): Promise<string> {
  const invocation = await call({ issuer, subject, proofs, args, command } as Parameters<typeof call>[0])
  return verdict(await authorizer.authorize(encodeContainer([invocation, ...proofs])))
}

const grant = (...policy: readonly unknown[]): Promise<Delegation> => delegateRaw(alice, bob, { policy })
const passOn = (audience: Signer, ...policy: readonly unknown[]): Promise<Delegation> =>
  delegateRaw(bob, audience, { subject: alice.did, policy })

describe('a delegate that fills the store of limits', () => {
  it('LMT-14 keeps no place of the limits of owners [attack 86]', async () => {
    const limitStore = memoryLimitStore({ maxEntries: 100, clock: { now: () => now } })
    const authorizer = service({ limitStore })
    const [root, limited] = [await grant(), await grant(maxUses(3))]
    const [carol] = subs
    // Each is another limit, and the store never forgets it.
    const flood = async (): Promise<string> => {
      const policy = [maxUses(1)]
      const own = await delegateRaw(bob, carol, { subject: alice.did, policy, expiration: never })
      return ask(authorizer, carol, [root, own])
    }
    const answers: string[] = []
    for (let at = 0; at < 120; at++) answers.push(await flood())
    expect(answers.filter((one) => one === 'allowed').length).toBeGreaterThan(80)
    expect(answers.at(-1)).toMatch(/^limit_unknown/)
    expect(limitStore.size).toBeLessThanOrEqual(90)
    for (let use = 0; use < 3; use++) expect(await ask(authorizer, bob, [limited])).toBe('allowed')
    expect(await ask(authorizer, bob, [limited])).toMatch(/^limit_exhausted/)
  })
})

describe('LMT-12 limits of a chain', () => {
  it('allow as many calls as there are uses, and report the rest', async () => {
    const proofs = [await grant(maxUses(3))]
    const authorizer = service()
    for (let use = 0; use < 3; use++) expect(await ask(authorizer, bob, proofs)).toBe('allowed')
    const invocation = await call({ issuer: bob, proofs })
    const decision = await authorizer.authorize(encodeContainer([invocation, ...proofs]))
    expect(decision).toMatchObject({
      allowed: false,
      denial: {
        code: 'limit_exhausted',
        message: 'delegation 1 of 1: `limit/uses` (policy statement 1) has 0 of 3 left, less than this call needs',
        at: 0,
        detail: { kind: 'limit', statement: 0, limit: ['limit/uses', 3], remaining: 0 },
        approvable: { audience: bob.did, subject: alice.did, command: '/mail/send' },
      },
    })
  })

  it('let 3 sub-agents make exactly 20 of 150 calls on one budget of 20', async () => {
    const verdicts = await verdictsOnSharedBudget(150, 20)
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(20)
    const refusals = verdicts.filter((one) => one !== 'allowed')
    expect(refusals.filter((one) => !/^limit_exhausted at [01] LMT-12$/.test(one))).toEqual([])
  })

  it('count for a child and its parent, whichever is tighter', async () => {
    const root = await grant(maxUses(3))
    const [carol, dave] = subs
    const authorizer = service()
    const [tight, loose] = [await passOn(carol, maxUses(1)), await passOn(dave, maxUses(1_000))]
    expect(await ask(authorizer, carol, [root, tight])).toBe('allowed')
    expect(await ask(authorizer, carol, [root, tight])).toBe('limit_exhausted at 1 LMT-12')
    expect(await ask(authorizer, dave, [root, loose])).toBe('allowed')
    expect(await ask(authorizer, dave, [root, loose])).toBe('allowed')
    expect(await ask(authorizer, dave, [root, loose])).toBe('limit_exhausted at 0 LMT-12')
    expect(await ask(authorizer, bob, [root])).toBe('limit_exhausted at 0 LMT-12')
  })

  it('LMT-05 with 0 are a no for everybody below', async () => {
    const [carol] = subs
    for (const zero of [maxUses(0), maxSum('.amount', '0'), maxRate(0, 60), maxConcurrent(0)]) {
      const root = await grant(zero)
      for (const policy of [[], [maxUses(9)], [maxUses(0)]]) {
        const proofs = [root, await passOn(carol, ...policy)]
        expect(await ask(service(), carol, proofs)).toBe('policy_unsatisfied at 0 PRF-11')
        expect(await ask(service(), carol, proofs, { args: { amount: 0 } })).toBe('policy_unsatisfied at 0 PRF-11')
      }
    }
  })

  it('add up amounts to the cent', async () => {
    const proofs = [await grant(maxSum('.amount', '1.00'))]
    const authorizer = service()
    // As numbers, ten times 0.1 are 0.9999999999999999, and three times 0.1 more than 0.3.
    for (let use = 0; use < 9; use++)
      expect(await ask(authorizer, bob, proofs, { args: { amount: '0.10' } })).toBe('allowed')
    expect(await ask(authorizer, bob, proofs, { args: { amount: '0.11' } })).toBe('limit_exhausted at 0 LMT-12')
    expect(await ask(authorizer, bob, proofs, { args: { amount: '0.1' } })).toBe('allowed')
    expect(await ask(authorizer, bob, proofs, { args: { amount: '0.01' } })).toBe('limit_exhausted at 0 LMT-12')
    expect(await ask(authorizer, bob, proofs, { args: { amount: 0 } })).toBe('limit_exhausted at 0 LMT-12')
  })

  it('add up any amounts as exact decimals', async () => {
    const proofs = [await grant(maxSum('.amount', '50.000'))]
    const authorizer = service()
    let left = decimal('50.000')
    for (let use = 1; left > 0n && use < 60; use++) {
      const amount = `${use % 7}.${String((use * 389) % 1000).padStart(3, '0')}`
      const fits = decimal(amount) <= left
      expect(await ask(authorizer, bob, proofs, { args: { amount } })).toBe(
        fits ? 'allowed' : 'limit_exhausted at 0 LMT-12',
      )
      if (fits) left -= decimal(amount)
    }
  })

  it('are all used by a call, or no limit is', async () => {
    const proofs = [await grant(maxUses(2), maxSum('.amount', 10))]
    const authorizer = service()
    expect(await ask(authorizer, bob, proofs, { args: { amount: 9 } })).toBe('allowed')
    expect(await ask(authorizer, bob, proofs, { args: { amount: 9 } })).toBe('limit_exhausted at 0 LMT-12')
    expect(await ask(authorizer, bob, proofs, { args: { amount: 1 } })).toBe('allowed')
  })

  it('on a rate name the time of the next call, and free it then', async () => {
    let time = now
    const clock = { now: () => time }
    const proofs = [await grant(maxRate(2, 60))]
    const authorizer = service({ clock, limitStore: memoryLimitStore({ clock }) })
    const send = async () => {
      const invocation = await call({ issuer: bob, proofs })
      return authorizer.authorize(encodeContainer([invocation, ...proofs]))
    }
    expect((await send()).allowed).toBe(true)
    time += 30
    expect((await send()).allowed).toBe(true)
    expect(await send()).toMatchObject({
      denial: { code: 'limit_busy', detail: { limit: ['limit/rate', 2, 60], remaining: 0, freeAt: now + 61 } },
    })
    time = now + 61
    expect((await send()).allowed).toBe(true)
    expect((await send()).allowed).toBe(false)
  })

  it('on concurrent calls are free again after `finish`', async () => {
    const proofs = [await grant(maxConcurrent(1))]
    const authorizer = service()
    const decision = await authorizer.authorize(encodeContainer([await call({ issuer: bob, proofs }), ...proofs]))
    if (!decision.allowed) throw new Error(decision.denial.message)
    expect(await ask(authorizer, bob, proofs)).toBe('limit_busy at 0 LMT-12')
    await expect(service().finish(decision.authorization)).rejects.toThrow('not made by this authorizer')
    await authorizer.finish(decision.authorization)
    await authorizer.finish(decision.authorization)
    expect(await ask(authorizer, bob, proofs)).toBe('allowed')
  })

  it('LMT-12 on concurrent calls name no time: a call is free again when another has ended', async () => {
    const proofs = [await grant(maxConcurrent(1))]
    const authorizer = service()
    expect(await ask(authorizer, bob, proofs)).toBe('allowed')
    const decision = await authorizer.authorize(encodeContainer([await call({ issuer: bob, proofs }), ...proofs]))
    if (decision.allowed) throw new Error('allowed')
    expect(decision.denial.message).toMatch(/`limit\/concurrent`.* is reached; call again when another call has ended$/)
    expect(decision.denial.detail).not.toHaveProperty('freeAt')
  })

  it('LMT-12 on sums name amounts with the decimals of the maximum', async () => {
    const authorizer = service()
    for (const [maximum, amounts, left] of [
      ['10', [8, 3], '2'],
      ['10.00', [8, 3], '2.00'],
      ['0.30', ['0.29', '0.02'], '0.01'],
    ] as const) {
      const proofs = [await grant(maxSum('.amount', maximum))]
      const [first, second] = amounts
      expect(await ask(authorizer, bob, proofs, { args: { amount: first } })).toBe('allowed')
      const invocation = await call({ issuer: bob, proofs, args: { amount: second } })
      const decision = await authorizer.authorize(encodeContainer([invocation, ...proofs]))
      expect(decision).toMatchObject({ denial: { code: 'limit_exhausted', detail: { remaining: left } } })
      expect(!decision.allowed && decision.denial.message).toContain(`has ${left} of ${maximum} left`)
    }
  })

  it('LMT-16 are given back when `finish` resolves, which rejects with the error of the store', async () => {
    const limitStore = memoryLimitStore({ clock: { now: () => now } })
    let confirm: () => void = () => undefined
    const answers = [
      () => new Promise<void>((resolve) => (confirm = resolve)),
      () => Promise.reject(new Error('the store is down')),
    ]
    const release: LimitStore['release'] = async () => answers.shift()?.()
    const authorizer = service({ limitStore: { ...limitStore, release } })
    const proofs = [await grant(maxConcurrent(1))]
    const decision = await authorizer.authorize(encodeContainer([await call({ issuer: bob, proofs }), ...proofs]))
    if (!decision.allowed) throw new Error(decision.denial.message)
    let finished = false
    const finishing = authorizer.finish(decision.authorization).then(() => {
      finished = true
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(finished).toBe(false)
    confirm()
    await finishing
    await expect(authorizer.finish(decision.authorization)).rejects.toThrow('the store is down')
  })

  it('LMT-16 need no `finish` in a call without limits, which may be ended all the same', async () => {
    const authorizer = service()
    const proofs = [await grant()]
    const decision = await authorizer.authorize(encodeContainer([await call({ issuer: bob, proofs }), ...proofs]))
    if (!decision.allowed) throw new Error(decision.denial.message)
    await expect(authorizer.finish(decision.authorization)).resolves.toBeUndefined()
  })

  it('are not used up by a call that is refused for another reason', async () => {
    const revoked = { findRevocations: () => [{ id: bob.did }] }
    const limitStore = memoryLimitStore({ clock: { now: () => now } })
    const proofs = [await grant(maxUses(1), maxSum('.amount', 5))]
    expect(await ask(service({ limitStore, revocations: revoked }), bob, proofs)).toBe('revoked at 1 RVK-05')
    expect(await ask(service({ limitStore }), bob, proofs, { args: { amount: 6 } })).toBe(
      'policy_unsatisfied at 0 PRF-11',
    )
    expect(await ask(service({ limitStore, replay: { claim: () => false } }), bob, proofs)).toBe('replayed at 1 RPL-01')
    expect(await ask(service({ limitStore }), bob, proofs)).toBe('allowed')
  })

  it('LMT-15 refuse calls while the clock of the store is 5 minutes ahead, instead of calls that do not count', async () => {
    const proofs = [await grant(maxUses(1))]
    const limitStore = memoryLimitStore({ clock: { now: () => now + 300 } })
    const authorizer = service({ limitStore })
    for (let use = 0; use < 3; use++)
      expect(await ask(authorizer, bob, proofs)).toBe('limit_unknown at container LMT-11')
  })

  it('are not used up by a call whose task cannot be named, and neither is the call', async () => {
    const proofs = [await grant(maxUses(1))]
    const invocation = await call({ issuer: bob, proofs })
    const container = encodeContainer([invocation, ...proofs])
    const limitStore = memoryLimitStore({ clock: { now: () => now } })
    const replay = memoryReplayStore({ clock: { now: () => now } })
    const { sha256Key: _, ...slow } = backend
    const taskName = encodeHex(invocation.task.multihash.digest)
    const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> => {
      const digest = await backend.sha256(bytes)
      if (encodeHex(digest) === taskName) throw new Error('no hash')
      return digest
    }
    const broken = service({ limitStore, replay, backend: { ...slow, sha256 } })
    expect(verdict(await broken.authorize(container))).toBe('internal_error at container AUT-20')
    expect(verdict(await service({ limitStore, replay }).authorize(container))).toBe('allowed')
  })

  it('LMT-09 count for both signatures that an ECDSA delegation can have', async () => {
    const owner = await actor('owner', 'ES256')
    const one = await delegateRaw(owner, bob, { policy: [maxUses(2)] })
    const envelope = openEnvelope(one.bytes, defaultBounds, ['1.0.0'])
    const twin = twinSignature('ES256', envelope.signature)
    if (twin === undefined) throw new Error('no twin')
    const bytes = new Uint8Array(one.bytes)
    bytes.set(twin, bytes.length - envelope.signed.length - twin.length)
    const other = await decodeDelegation(bytes)
    expect(other.cid.equals(one.cid)).toBe(false)
    const authorizer = service()
    for (const [proof, wanted] of [
      [one, 'allowed'],
      [other, 'allowed'],
      [one, 'limit_exhausted at 0 LMT-12'],
      [other, 'limit_exhausted at 0 LMT-12'],
    ] as const)
      expect(await ask(authorizer, bob, [proof], { subject: owner.did })).toBe(wanted)
  })

  it('LMT-09 are apart for two delegations with the same policy', async () => {
    const authorizer = service()
    for (const proofs of [[await grant(maxUses(1))], [await grant(maxUses(1))]]) {
      expect(await ask(authorizer, bob, proofs)).toBe('allowed')
      expect(await ask(authorizer, bob, proofs)).toBe('limit_exhausted at 0 LMT-12')
    }
  })

  it('LMT-09 count a delegation once that is twice in a chain', async () => {
    const self = await delegateRaw(alice, alice, { policy: [maxUses(2)] })
    const root = await delegateRaw(alice, bob)
    const authorizer = service()
    for (const wanted of ['allowed', 'allowed', 'limit_exhausted at 0 LMT-12'])
      expect(await ask(authorizer, bob, [self, self, root])).toBe(wanted)
  })

  it('LMT-19 are for the service that they name, under each of its DIDs, and use nothing up at another one', async () => {
    const named = (await actor('service')).did
    const limitStore = memoryLimitStore({ clock: { now: () => now } })
    const here = service({ limitStore, audience: [named, 'did:web:new.example'] })
    for (const [proof, wanted] of [
      [await grant(maxUses(1, named), maxUses(5)), 'allowed'],
      [await grant(maxUses(1, 'did:web:new.example')), 'allowed'],
      [await grant(maxUses(1, 'did:web:other.example'), maxUses(1)), 'policy_unsatisfied at 0 LMT-19'],
      [await grant(maxUses(1, named.toUpperCase().replace('DID:KEY', 'did:key'))), 'policy_unsatisfied at 0 LMT-19'],
    ] as const)
      expect(await ask(here, bob, [proof])).toBe(wanted)
    const elsewhere = await grant(maxUses(1, 'did:web:other.example'), maxUses(1))
    expect(await ask(here, bob, [elsewhere])).toBe('policy_unsatisfied at 0 LMT-19')
    const [left] = await here.remaining(encodeContainer([elsewhere]))
    expect(left?.remaining).toBe(1)
  })

  it('LMT-03 are at most 32', async () => {
    const many = (count: number) => grant(...Array.from({ length: count }, (_, index) => maxUses(index + 1)))
    expect(await ask(service(), bob, [await many(32)])).toBe('allowed')
    expect(await ask(service(), bob, [await many(33)])).toBe('too_large at container LMT-03')
  })

  it('LMT-03 are at most 8 of delegates, besides those of the owner [attack 86]', async () => {
    const some = (count: number) => Array.from({ length: count }, (_, index) => maxUses(index + 1))
    const [carol, dave] = subs
    const root = await grant(...some(20))
    const own = await passOn(carol, ...some(5))
    const further = (count: number) => delegateRaw(carol, dave, { subject: alice.did, policy: some(count) })
    expect(await ask(service(), dave, [root, own, await further(3)])).toBe('allowed')
    const proofs = [root, own, await further(4)]
    expect(await ask(service(), dave, proofs)).toBe('too_large at container LMT-03')
    const decision = await service().authorize(
      encodeContainer([await call({ issuer: dave, subject: alice.did, proofs }), ...proofs]),
    )
    const message = 'delegates have added 9 limits to those of the owner; at most 8 are allowed'
    expect(decision).toMatchObject({ denial: { message } })
    // The owner is in the chain again: its limits are no limits of a delegate.
    const [toOwner, again] = [await passOn(alice), await grant(...some(9))]
    expect(await ask(service(), bob, [await grant(), toOwner, again])).toBe('allowed')
  })

  it('LMT-03 LMT-19 do not use up a call that is refused because they cannot be counted', async () => {
    const replay = memoryReplayStore({ clock: { now: () => now } })
    const authorizer = service({ replay })
    const many = await grant(...Array.from({ length: 33 }, (_, index) => maxUses(index + 1)))
    for (const proof of [many, await grant(maxUses(1, 'did:web:other.example'))]) {
      const container = encodeContainer([await call({ issuer: bob, proofs: [proof] }), proof])
      const verdicts = [1, 2].map(async () => verdict(await authorizer.authorize(container)))
      expect(new Set(await Promise.all(verdicts)).size).toBe(1)
      expect(await verdicts[0]).toMatch(/^(too_large|policy_unsatisfied)/)
    }
    expect(replay.size).toBe(0)
  })

  it('are counted by the synchronous decision too, also right after the authorizer was made', async () => {
    const proofs = [await grant(maxUses(2))]
    const container = async () => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
    const early = [await container(), await container()]
    const authorizer = service()
    for (const one of early) expect(verdict(authorizer.authorizeSync(one))).toBe('allowed')
    expect(verdict(authorizer.authorizeSync(await container()))).toBe('limit_exhausted at 0 LMT-12')
  })
})

describe('LMT-13 an idempotent command', () => {
  const definition = { command: '/pay', args: { amount: integer(), to: text() } }
  const args = { amount: 2, to: 'ann' }
  const nonce = new Uint8Array(12)

  async function pay(authorizer: Authorizer, proofs: readonly Delegation[], change: IpldMap = {}, at = 0) {
    const invocation = await call({
      issuer: bob,
      proofs,
      command: '/pay',
      args: { ...args, ...change },
      nonce,
      expiration: now + 100 + at,
    })
    return verdict(await authorizer.authorize(encodeContainer([invocation, ...proofs])))
  }

  it('does not pay twice for one task, and other commands do', async () => {
    const proofs = [await delegateRaw(alice, bob, { command: '/pay', policy: [maxUses(2), maxSum('.amount', 4)] })]
    for (const idempotent of [true, false]) {
      const authorizer = service({ commands: [defineCommand({ ...definition, idempotent })] })
      const first = [await pay(authorizer, proofs, {}, 1), await pay(authorizer, proofs, {}, 2)]
      expect(first).toEqual(['allowed', 'allowed'])
      const other = await pay(authorizer, proofs, { to: 'bob' }, 3)
      expect(other).toBe(idempotent ? 'allowed' : 'limit_exhausted at 0 LMT-12')
      const again = await pay(authorizer, proofs, {}, 4)
      expect(again).toBe(idempotent ? 'allowed' : 'limit_exhausted at 0 LMT-12')
    }
  })
})

describe('LMT-14 limits of delegates that never end', () => {
  const eight = Array.from({ length: 8 }, (_, index) => maxUses(index + 1))

  /** Calls of one task, each over a new delegation with 8 limits. Returns how many were allowed, and the size after. */
  async function flood(idempotent: boolean, limitStore: MemoryLimitStore, first: Delegation): Promise<number> {
    const authorizer = service({
      limitStore,
      commands: [defineCommand({ command: '/pay', args: { amount: integer() }, idempotent })],
    })
    const [carol] = subs
    let allowed = 0
    for (let at = 0; at < 20; at++) {
      const change = { subject: alice.did, command: '/pay', policy: eight }
      const proofs = [first, await delegateRaw(bob, carol, { ...change, expiration: never })]
      const given = { issuer: carol, subject: alice.did, proofs, command: '/pay', args: { amount: 1 } }
      const invocation = await call({ ...given, nonce: new Uint8Array(12), expiration: now + 100 + at })
      const decision = await authorizer.authorize(encodeContainer([invocation, ...proofs]))
      if (decision.allowed) allowed += 1
    }
    return allowed
  }

  it.each([
    [false, 'are bounded by the uses that the owner allows', 2],
    [true, 'are not bounded by them where a task of an idempotent command is repeated', 20],
  ])('for an idempotent command: %s, they %s [attack 86]', async (idempotent, _, expected) => {
    const limitStore = memoryLimitStore({ clock: { now: () => now } })
    const first = await delegateRaw(alice, bob, { command: '/pay', policy: [maxUses(2)] })
    expect(await flood(idempotent, limitStore, first)).toBe(expected)
    const limits = 1 + 8 * expected
    // The uses of an idempotent command have their task beside them.
    expect(limitStore.size).toBe(idempotent ? 2 * limits : limits)
  })
})

describe('LMT-11 a limit store that does not keep to its interface', () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['true', true],
    ['1', 1],
    ['OK', 'OK'],
    ['an empty object', {}],
    ['reserved as a number', { reserved: 1 }],
    ['a refusal without a limit', { reserved: false }],
    ['a refusal for another limit', { reserved: false, key: 'other', remaining: 0 }],
  ]

  it.each(wrong)('refuses when a reservation is answered with %s', async (_, answer) => {
    const proofs = [await grant(maxUses(5))]
    for (const reserve of [() => answer, async () => answer, () => Promise.reject(answer)]) {
      const errors: unknown[] = []
      const limitStore = { ...memoryLimitStore(), reserve } as unknown as LimitStore
      const authorizer = service({ limitStore, onError: (error) => errors.push(error) })
      expect(await ask(authorizer, bob, proofs)).toBe('limit_unknown at container LMT-11')
      expect(errors).toHaveLength(1)
    }
  })

  it('refuses when the state is not a number of calls', async () => {
    const proofs = [await grant(maxUses(5))]
    for (const state of [
      { remaining: -1 },
      { remaining: Number.NaN },
      { remaining: '0' },
      { remaining: 0, freeAt: 'x' },
    ]) {
      const reserve: LimitStore['reserve'] = ({ entries }) =>
        ({ reserved: false, key: entries[0]?.key, ...state }) as never
      const limitStore = { ...memoryLimitStore(), reserve }
      expect(await ask(service({ limitStore }), bob, proofs)).toBe('limit_unknown at container LMT-11')
    }
  })

  it('ends when the signal is aborted, whether the store minds it or not', async () => {
    const proofs = [await grant(maxUses(5))]
    const limitStore = { ...memoryLimitStore(), reserve: () => new Promise<never>(() => undefined) }
    const container = encodeContainer([await call({ issuer: bob, proofs }), ...proofs])
    const decision = await service({ limitStore }).authorize(container, { signal: AbortSignal.timeout(20) })
    expect(verdict(decision)).toBe('limit_unknown at container LMT-11')
  })

  it('refuses when the store is full, and counts on', async () => {
    const limitStore = memoryLimitStore({ clock: { now: () => now }, maxEntries: 4 })
    const authorizer = service({ limitStore })
    const first = [await grant(maxUses(2))]
    expect(await ask(authorizer, bob, first)).toBe('allowed')
    expect(await ask(authorizer, bob, [await grant(maxUses(2), maxUses(3))])).toBe('limit_unknown at container LMT-11')
    expect(await ask(authorizer, bob, first)).toBe('allowed')
    expect(await ask(authorizer, bob, first)).toBe('limit_exhausted at 0 LMT-12')
  })
})

describe('LMT-18 the limits that remain', () => {
  it('are reported for every delegation of a container, without using them up', async () => {
    const root = await grant(maxUses(3), maxSum('.amount', '5.00'), maxRate(1, 60), maxUses(0))
    const { cid } = root
    const authorizer = service()
    const container = encodeContainer([root, await passOn(subs[0])])
    const reported = async () =>
      (await authorizer.remaining(container)).map(({ limit, remaining, freeAt }) => [limit[0], remaining, freeAt])
    const full = [
      ['limit/uses', 3, undefined],
      ['limit/sum', '5.00', undefined],
      ['limit/rate', 1, undefined],
      ['limit/uses', 0, undefined],
    ]
    expect(await reported()).toEqual(full)
    expect(await reported()).toEqual(full)
    expect((await authorizer.remaining(container)).every(({ delegation }) => delegation.equals(cid))).toBe(true)
    const proof = await grant(maxUses(3), maxSum('.amount', '5.00'), maxRate(1, 60))
    expect(await ask(authorizer, bob, [proof], { args: { amount: '1.5' } })).toBe('allowed')
    const after = await authorizer.remaining(encodeContainer([proof]))
    expect(after.map(({ remaining, freeAt }) => [remaining, freeAt])).toEqual([
      [2, undefined],
      ['3.50', undefined],
      [0, now + 61],
    ])
  })

  it('come in the order of the chain, whatever the order of the container', async () => {
    const [carol, dave] = subs
    const root = await grant(maxUses(1))
    const second = await passOn(carol, maxUses(2))
    const third = await delegateRaw(carol, dave, { subject: alice.did, policy: [maxUses(3)] })
    const loop = await delegateRaw(dave, carol, { subject: alice.did, policy: [maxUses(4)] })
    const reported = async (...proofs: readonly Delegation[]) =>
      (await service().remaining(encodeContainer(proofs))).map(({ limit }) => limit[1])
    expect(await reported(third, root, second)).toEqual([1, 2, 3])
    expect(await reported(loop, third, second, root)).toHaveLength(4)
    expect((await reported(loop, third, second, root))[0]).toBe(1)
  })

  it('are not invented: a store that fails, or answers something else, is an error', async () => {
    const container = encodeContainer([await grant(maxUses(3))])
    for (const answer of [undefined, [], [{}], [{ remaining: -1 }], [{ remaining: 1 }, { remaining: 1 }], 'OK']) {
      const limitStore = { ...memoryLimitStore(), remaining: async () => answer } as unknown as LimitStore
      await expect(service({ limitStore }).remaining(container)).rejects.toThrow('must answer with the state')
    }
    await expect(createAuthorizer(serviceOptions()).remaining(container)).rejects.toThrow('requires a `limitStore`')
  })
})
