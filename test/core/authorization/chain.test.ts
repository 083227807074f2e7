import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { encodeBase58btc } from '../../../src/core/ipld/base.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { never } from '../../../src/time.ts'
import { actor, now } from '../../support/actors.ts'
import { invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, chainOf, createService, decide, delegateRaw, service, verdict } from '../../support/service.ts'

const names = ['alice', 'bob', 'carol', 'dan', 'erin', 'frank'] as const
const actors = await Promise.all(names.map((name) => actor(name)))
const [alice, bob, carol, dan, erin] = actors as [Signer, Signer, Signer, Signer, Signer, Signer]
const mallory = await actor('mallory')

describe('a chain', () => {
  it('of every length up to the limit is allowed', async () => {
    for (let length = 0; length < actors.length; length++) {
      const proofs = await chainOf(...actors.slice(0, length + 1))
      const invocation = await call({ issuer: actors[length] as Signer, proofs })
      expect(await decide([invocation, ...proofs]), String(length)).toBe('allowed')
    }
  })

  it('PRF-01 is refused with the missing proof in the denial [attack 23]', async () => {
    const proofs = await chainOf(alice, bob, carol, dan)
    const invocation = await call({ issuer: dan, proofs })
    for (const [at, missing] of proofs.entries()) {
      const rest = proofs.filter((proof) => proof !== missing)
      const decision = await createService().authorize(encodeContainer([invocation, ...rest]))
      expect(verdict(decision)).toBe(`proof_missing at ${at} PRF-01`)
      expect(decision.allowed || decision.denial.missing?.map(String)).toEqual([missing.cid.toString()])
    }
  })

  it('is accepted in one order of its proofs only [attack 23]', async () => {
    const proofs = await chainOf(alice, bob, carol, dan, erin)
    let allowed = 0
    for (const order of permutations([...proofs])) {
      const invocation = await call({ issuer: erin, proofs: order })
      const said = await decide([invocation, ...proofs])
      if (said === 'allowed') allowed += 1
      else expect(said).toMatch(/^(root_not_subject|principal_misaligned)/)
    }
    expect(allowed).toBe(1)
  })

  it('PRF-02 without proofs needs the subject to call for itself', async () => {
    expect(await decide([await call({ issuer: alice })])).toBe('allowed')
    expect(await decide([await call({ issuer: mallory, subject: alice.did })])).toBe('root_not_subject at 0 PRF-02')
  })

  it('PRF-03 does not begin with a delegation of any subject [attack 3]', async () => {
    const root = await delegateRaw(alice, bob, { subject: anySubject })
    const invocation = await call({ issuer: bob, subject: alice.did, proofs: [root] })
    expect(await decide([invocation, root])).toBe('root_not_subject at 0 PRF-03')
  })

  it('may pass any subject on at every later link, which then has the subject of the previous link [attack 3]', async () => {
    for (const at of [1, 2, 3]) {
      const proofs = [...(await chainOf(alice, bob, carol, dan, erin))]
      const [issuer, audience] = actors.slice(at, at + 2) as [Signer, Signer]
      proofs[at] = await delegateRaw(issuer, audience, { subject: anySubject })
      expect(await decide([await call({ issuer: erin, subject: alice.did, proofs }), ...proofs]), String(at)).toBe(
        'allowed',
      )
      const other = await call({ issuer: erin, subject: mallory.did, proofs })
      expect(await decide([other, ...proofs]), String(at)).toBe('subject_misaligned at 0 PRF-06')
    }
  })

  it('PRF-04 begins with the subject itself [attack 2]', async () => {
    const root = await delegateRaw(mallory, bob, { subject: alice.did })
    expect(await decide([await call({ issuer: bob, proofs: [root] }), root])).toBe('root_not_subject at 0 PRF-04')
  })

  it('PRF-04 is refused with the right order of proofs in the denial', async () => {
    const proofs = await chainOf(alice, bob, carol)
    const backwards = [...proofs].reverse()
    const decision = await createService().authorize(
      encodeContainer([await call({ issuer: carol, proofs: backwards }), ...proofs]),
    )
    expect(decision).toMatchObject({
      denial: { code: 'root_not_subject', message: expect.stringContaining('root first') },
    })
  })

  it('PRF-05 passes from audience to issuer at every link [attack 1]', async () => {
    const proofs = await chainOf(...actors)
    for (const at of proofs.keys()) {
      const broken = [...proofs]
      broken[at] = await delegateRaw(actors[at] as Signer, mallory, { subject: alice.did })
      const invocation = await call({ issuer: actors.at(-1) as Signer, proofs: broken })
      expect(await decide([invocation, ...broken])).toBe(`principal_misaligned at ${at + 1} PRF-05`)
    }
  })

  it('PRF-06 keeps to one subject at every link [attack 4]', async () => {
    const proofs = await chainOf(...actors)
    for (const at of [1, 2, 3, 4]) {
      const broken = [...proofs]
      broken[at] = await delegateRaw(actors[at] as Signer, actors[at + 1] as Signer, { subject: mallory.did })
      const invocation = await call({ issuer: actors.at(-1) as Signer, subject: alice.did, proofs: broken })
      expect(await decide([invocation, ...broken])).toBe(`subject_misaligned at ${at} PRF-06`)
    }
    const invocation = await call({ issuer: actors.at(-1) as Signer, subject: bob.did, proofs })
    expect(await decide([invocation, ...proofs])).toBe('subject_misaligned at 0 PRF-06')
  })

  it('PRF-07 takes no wider command than it was given, at any link [attack 6]', async () => {
    const proofs = [...(await chainOf(alice, bob, carol, dan))]
    for (const at of [1, 2]) {
      const broken = [...proofs]
      broken[at] = await delegateRaw(actors[at] as Signer, actors[at + 1] as Signer, {
        subject: alice.did,
        command: '/',
      })
      expect(await decide([await call({ issuer: dan, proofs: broken }), ...broken])).toBe(
        `command_not_covered at ${at} PRF-07`,
      )
    }
    const beyond = await call({ issuer: dan, proofs, command: '/mailbox' })
    expect(await decide([beyond, ...proofs])).toBe('command_not_covered at 3 PRF-07')
  })

  it('PRF-08 is signed by its issuers, the invocation asked first', async () => {
    const proofs = await chainOf(alice, bob, carol)
    const payload = {
      ...invocationPayload(carol.did),
      sub: alice.did,
      aud: service.did,
      prf: proofs.map(({ cid }) => cid),
    }
    const bytes = await sealRaw(mallory, { tag: 'ucan/inv@1.0.0', payload })
    expect(await decide([{ bytes }, ...proofs])).toBe('signature_invalid at 2 PRF-08')
  })

  it('PRF-09 is signed with the algorithm of the issuer [attack 52] [attack 53]', async () => {
    const p256 = await actor('alice', 'ES256')
    const bytes = await sealRaw(p256, {
      tag: 'ucan/inv@1.0.0',
      payload: { ...invocationPayload(alice.did), aud: service.did },
    })
    expect(await decide([{ bytes }])).toBe('signature_invalid at 0 PRF-09')
  })

  it('PRF-10 is refused for an issuer whose key is not a point of the curve, whichever part detects it [attack 59]', async () => {
    const y = new Uint8Array(34)
    y.set([0xed, 0x01, 2])
    const issuer = `did:key:z${encodeBase58btc(y)}`
    const bytes = await sealRaw(alice, {
      tag: 'ucan/inv@1.0.0',
      payload: { ...invocationPayload(issuer), aud: service.did },
    })
    const refusing = {
      ...backend,
      prepareKey: (): never => {
        throw new Error('a platform that checks the point when it imports a key')
      },
    }
    for (const decider of [backend, refusing]) {
      const decision = createService({ backend: decider }).authorizeSync(encodeContainer([{ bytes }]))
      expect(verdict(decision)).toBe('key_unresolved at 0 PRF-10')
      expect(decision.allowed || decision.denial.message).toMatch(/not a point on the curve$/)
    }
  })

  it('PRF-10 is refused when no key is known for an issuer [attack 72]', async () => {
    const payload = { ...invocationPayload('did:web:example.com'), aud: service.did }
    const bytes = await sealRaw(alice, { tag: 'ucan/inv@1.0.0', payload })
    expect(await decide([{ bytes }])).toBe('key_unresolved at 0 PRF-10')
    const failing = { resolve: () => Promise.reject(new Error('down')) }
    const errors: unknown[] = []
    expect(await decide([{ bytes }], { resolver: failing, onError: (error) => errors.push(error) })).toBe(
      'key_unresolved at 0 PRF-10',
    )
    expect(errors).toHaveLength(1)
  })

  it('PRF-11 satisfies the policy of every link, also when later policies are wider [attack 7]', async () => {
    const link = (issuer: Signer, audience: Signer, policy: unknown) =>
      delegateRaw(issuer, audience, { subject: alice.did, policy })
    const proofs = [
      await link(alice, bob, [['<', '.n', 10]]),
      await link(bob, carol, [['>', '.n', 2]]),
      await link(carol, dan, []),
    ]
    const said = async (n: number) => decide([await call({ issuer: dan, proofs, args: { n } }), ...proofs])
    expect(await said(5)).toBe('allowed')
    expect(await said(10)).toBe('policy_unsatisfied at 0 PRF-11')
    expect(await said(2)).toBe('policy_unsatisfied at 1 PRF-11')
  })

  it('PRF-11 is refused with the failed statement, the value, and the delegation that would permit the call', async () => {
    const root = await delegateRaw(alice, bob, {
      policy: [
        ['==', '.a', 1],
        ['like', '.to', '*@example.com'],
      ],
    })
    const invocation = await call({ issuer: bob, proofs: [root], args: { a: 1, to: 'eve@evil.test' } })
    const decision = await createService().authorize(encodeContainer([invocation, root]))
    expect(decision).toMatchObject({
      allowed: false,
      denial: {
        // Data counts from 0, messages from 1.
        at: 0,
        detail: { kind: 'policy', objection: { statement: 1, selector: '.to', reason: 'false' } },
        approvable: { audience: bob.did, subject: alice.did, command: '/mail/send' },
      },
    })
    expect(decision.allowed || decision.denial.message).toMatch(
      /delegation 1 of 1: policy statement 2: `\.to` must be a string that matches/,
    )
  })

  it('PRF-11 shows a selector in the message like any other input', async () => {
    const root = await delegateRaw(alice, bob, { policy: [['==', '["a\u2028\u009b`"]', 1]] })
    const invocation = await call({ issuer: bob, proofs: [root] })
    const decision = await createService().authorize(encodeContainer([invocation, root]))
    expect(decision.allowed || decision.denial.message).toContain('`["a\\u2028\\u009b\\u0060"]` must be equal to 1')
  })

  it('PRF-12 refuses a policy that takes too much work, also under a not [attack 50]', async () => {
    const policy = Array.from({ length: 40 }, () => ['not', ['any', '.list', ['==', '.', 0]]])
    const root = await delegateRaw(alice, bob, { policy })
    const args = { list: Array.from({ length: 4_000 }, (_, index) => index + 1) }
    const invocation = await call({ issuer: bob, proofs: [root], args })
    expect(await decide([invocation, root])).toBe('policy_over_budget at 0 PRF-12')
  })

  it('PRF-12 gives all policies of a chain one budget [attack 50]', async () => {
    const policy = Array.from({ length: 12 }, () => ['not', ['any', '.list', ['==', '.', 0]]])
    const args = { list: Array.from({ length: 2_000 }, (_, index) => index + 1) }
    const first = await delegateRaw(alice, bob, { policy })
    expect(await decide([await call({ issuer: bob, proofs: [first], args }), first])).toBe('allowed')
    const second = await delegateRaw(bob, carol, { subject: alice.did, policy })
    const third = await delegateRaw(carol, dan, { subject: alice.did, policy })
    const proofs = [first, second, third]
    const said = await decide([await call({ issuer: dan, proofs, args }), ...proofs])
    expect(said).toMatch(/^policy_over_budget at [12] PRF-12$/)
  })

  it('is valid in the intersection of its bounds, which the authorization carries [attack 9]', async () => {
    const proofs = [
      await delegateRaw(alice, bob, { subject: alice.did, expiration: now + 50, notBefore: now - 90 }),
      await delegateRaw(bob, carol, { subject: alice.did, expiration: never, notBefore: now - 30 }),
    ]
    const decision = await createService().authorize(
      encodeContainer([await call({ issuer: carol, proofs }), ...proofs]),
    )
    expect(decision).toMatchObject({ authorization: { notBefore: now - 30, expiration: now + 50 } })
  })

  it('is decided the same whatever else is in the container, and in whichever order', async () => {
    const proofs = await chainOf(alice, bob)
    const unrelated = await chainOf(mallory, dan, erin)
    const invocation = await call({ issuer: bob, proofs })
    expect(await decide([invocation, ...proofs, ...unrelated])).toBe('allowed')
    expect(await decide([...unrelated, ...proofs, invocation])).toBe('allowed')
  })

  it('costs no verification once its delegations are known, and is asked for time again [attack 10]', async () => {
    let time = now
    let verified = 0
    const { backend } = await import('#backend')
    const counting = {
      ...backend,
      verify: (...args: Parameters<typeof backend.verify>) => {
        verified += 1
        return backend.verify(...args)
      },
    }
    const authorizer = createService({ backend: counting, clock: { now: () => time } })
    const proofs = [await delegateRaw(alice, bob), await delegateRaw(bob, carol, { subject: alice.did })]
    const container = async () =>
      encodeContainer([await call({ issuer: carol, proofs, expiration: time + 60 }), ...proofs])
    expect(verdict(authorizer.authorizeSync(await container()))).toBe('allowed')
    expect(verified).toBe(3)
    expect(verdict(authorizer.authorizeSync(await container()))).toBe('allowed')
    expect(verified).toBe(4)
    time = now + 661
    const late = encodeContainer([await call({ issuer: carol, proofs, expiration: time + 60 }), ...proofs])
    expect(verdict(authorizer.authorizeSync(late))).toBe('expired at 0 TIM-03')
  })
})

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}
