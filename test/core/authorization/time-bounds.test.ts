import { describe, expect, it } from 'vitest'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, now } from '../../support/actors.ts'
import { invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, chainOf, createService, decide, delegateRaw, service, verdict } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const carol = await actor('carol')

/** The decision about a chain whose link `at` has these bounds. */
async function saidOf(
  at: number,
  bounds: { expiration?: number; notBefore?: number },
  tolerance?: number,
): Promise<string> {
  const proofs = await Promise.all([
    delegateRaw(alice, bob, { subject: alice.did, ...(at === 0 ? bounds : {}) }),
    delegateRaw(bob, carol, { subject: alice.did, ...(at === 1 ? bounds : {}) }),
  ])
  const payload = {
    ...invocationPayload(carol.did),
    sub: alice.did,
    aud: service.did,
    prf: proofs.map(({ cid }) => cid),
    ...(at === 2 ? { exp: bounds.expiration ?? now + 60, nbf: bounds.notBefore } : {}),
  }
  const bytes = await sealRaw(carol, { tag: 'ucan/inv@1.0.0', payload })
  return decide([{ bytes }, ...proofs], tolerance === undefined ? {} : { clockTolerance: tolerance })
}

describe('time bounds', () => {
  it('TIM-02 begin with the second of nbf, less the tolerance, at every link [attack 10] [attack 11]', async () => {
    for (const at of [0, 1, 2]) {
      for (const tolerance of [0, 60, 300]) {
        expect(await saidOf(at, { notBefore: now + tolerance }, tolerance)).toBe('allowed')
        expect(await saidOf(at, { notBefore: now + tolerance + 1 }, tolerance)).toBe(`not_yet_valid at ${at} TIM-02`)
      }
    }
  })

  it('TIM-03 end with the second of exp, plus the tolerance, at every link [attack 10] [attack 11]', async () => {
    for (const at of [0, 1, 2]) {
      for (const tolerance of [0, 60, 300]) {
        expect(await saidOf(at, { expiration: now - tolerance }, tolerance)).toBe('allowed')
        expect(await saidOf(at, { expiration: now - tolerance - 1 }, tolerance)).toBe(`expired at ${at} TIM-03`)
      }
    }
  })

  it('TIM-02 TIM-03 are in the detail of a denial, with the time of the decision', async () => {
    const denialOf = async (bounds: { readonly notBefore?: number; readonly expiration?: number }) => {
      const proofs = [await delegateRaw(alice, bob, { subject: alice.did, ...bounds })]
      const decision = createService({ clockTolerance: 60 }).authorizeSync(
        encodeContainer([await call({ issuer: bob, proofs }), ...proofs]),
      )
      return decision.allowed ? undefined : decision.denial
    }
    expect(await denialOf({ expiration: now - 61 })).toMatchObject({
      code: 'expired',
      detail: { kind: 'time', now, bound: now - 61 },
    })
    expect(await denialOf({ notBefore: now + 61 })).toMatchObject({
      code: 'not_yet_valid',
      detail: { kind: 'time', now, bound: now + 61 },
    })
  })

  it('TIM-04 are given in seconds when a token is made', async () => {
    const options = { issuer: alice, audience: bob.did, command: '/mail' }
    await expect(delegate({ ...options, expiration: Date.now() })).rejects.toThrow(/milliseconds/)
    await expect(delegate({ ...options, notBefore: Date.now() })).rejects.toThrow(/milliseconds/)
    await expect(delegate({ ...options, expiration: 1.5 })).rejects.toThrow(ArgumentError)
    await expect(delegate({ ...options, expiresIn: 0 })).rejects.toThrow(ArgumentError)
    await expect(delegate({ ...options, expiresIn: 60, expiration: now })).rejects.toThrow(/not both/)
    await expect(delegate({ ...options, expiration: null as never })).rejects.toThrow(ArgumentError)
  })

  it('TIM-05 of an invocation end soon [attack 13]', async () => {
    const said = async (expiration: number | typeof never, change = {}) =>
      decide([await call({ issuer: alice, expiration })], change)
    expect(await said(now + 360)).toBe('allowed')
    expect(await said(now + 361)).toBe('lifetime_too_long at 0 TIM-05')
    expect(await said(never)).toBe('lifetime_too_long at 0 TIM-05')
    expect(await said(now + 3_660, { maxInvocationLifetime: 3_600 })).toBe('allowed')
    expect(await said(never, { maxInvocationLifetime: 3_600 })).toBe('lifetime_too_long at 0 TIM-05')
    expect(await said(never, { maxInvocationLifetime: never })).toBe('allowed')
  })

  it('TIM-06 are each widened once, however many there are [attack 11]', async () => {
    const chain = (expiration: number) =>
      Promise.all([
        delegateRaw(alice, bob, { subject: alice.did, expiration }),
        delegateRaw(bob, carol, { subject: alice.did, expiration }),
      ])
    const said = async (expiration: number) => {
      const proofs = await chain(expiration)
      return decide([await call({ issuer: carol, proofs, expiration }), ...proofs], { clockTolerance: 60 })
    }
    expect(await said(now - 60)).toBe('allowed')
    expect(await said(now - 61)).toBe('expired at 0 TIM-03')
  })

  it('TIM-03 are asked at one time, which is taken once for a decision [attack 10]', async () => {
    let asked = 0
    // Each time it is asked, an hour has gone by.
    const hasty = { now: () => now + 3_600 * asked++ }
    const proofs = await chainOf(alice, bob, carol)
    const container = encodeContainer([await call({ issuer: carol, proofs }), ...proofs])
    expect(verdict(createService({ clock: hasty }).authorizeSync(container))).toBe('allowed')
    expect(asked).toBe(1)
  })

  it('TIM-06 are widened by five minutes at most [attack 11]', () => {
    expect(() => createService({ clockTolerance: 301 })).toThrow(/clockTolerance/)
    expect(() => createService({ clockTolerance: -1 })).toThrow(/clockTolerance/)
    expect(() => createService({ clockTolerance: Number.NaN })).toThrow(/clockTolerance/)
  })
})
