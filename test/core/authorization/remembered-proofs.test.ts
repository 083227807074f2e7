import { describe, expect, it } from 'vitest'
import { linkWeight } from '../../../src/core/authorization/chain.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, chainOf, createService, delegateRaw, verdict } from '../../support/service.ts'

const [alice, bob, carol, mallory] = await Promise.all([actor('alice'), actor('bob'), actor('carol'), actor('mallory')])

describe('PRF-13 delegations that are remembered', () => {
  it('can be omitted from a call, if the service permits it', async () => {
    const proofs = await chainOf(alice, bob, carol)
    const calls = [await call({ issuer: carol, proofs }), await call({ issuer: carol, proofs })] as const
    for (const rememberProofs of [true, false]) {
      const service = createService({ rememberProofs })
      expect(verdict(await service.authorize(encodeContainer([calls[0], ...proofs])))).toBe('allowed')
      const decision = service.authorizeSync(encodeContainer([calls[1]]))
      expect(verdict(decision)).toBe(rememberProofs ? 'allowed' : 'proof_missing at 0 PRF-01')
    }
  })

  it('are asked for when they are not, and the same call is accepted with them', async () => {
    const proofs = await chainOf(alice, bob, carol)
    const other = await call({ issuer: carol, proofs: await chainOf(alice, carol) })
    const invocation = await call({ issuer: carol, proofs })
    const service = createService({ rememberProofs: true })
    const decision = service.authorizeSync(encodeContainer([invocation]))
    expect(verdict(decision)).toBe('proof_missing at 0 PRF-01')
    const missing = decision.allowed ? [] : (decision.denial.missing ?? [])
    expect(missing.map(String)).toEqual(proofs.map(({ cid }) => String(cid)))
    const asked = proofs.filter(({ cid }) => missing.some((name) => name.equals(cid)))
    expect(verdict(service.authorizeSync(encodeContainer([invocation, ...asked])))).toBe('allowed')
    expect(verdict(service.authorizeSync(encodeContainer([invocation])))).toBe('replayed at 2 RPL-01')
    expect(verdict(service.authorizeSync(encodeContainer([other])))).toBe('proof_missing at 0 PRF-01')
  })

  it('are those whose signature was verified, and no others [attack 24]', async () => {
    const genuine = await delegateRaw(alice, mallory)
    const forged = await decodeDelegation(genuine.bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte)))
    const service = createService({ rememberProofs: true })
    const invocation = await call({ issuer: mallory, proofs: [forged] })
    expect(verdict(service.authorizeSync(encodeContainer([invocation, forged])))).toBe('signature_invalid at 0 PRF-08')
    expect(verdict(service.authorizeSync(encodeContainer([invocation])))).toBe('proof_missing at 0 PRF-01')
  })

  it('are asked for time and revocation like any other', async () => {
    const proofs = await chainOf(alice, bob)
    const invoke = (at = now) => call({ issuer: bob, proofs, clock: { now: () => at }, expiresIn: 10 } as never)
    let time = now
    const revocations = memoryRevocationStore({ clock })
    const service = createService({ rememberProofs: true, clock: { now: () => time }, revocations })
    expect(verdict(service.authorizeSync(encodeContainer([await invoke(), ...proofs])))).toBe('allowed')
    expect(verdict(service.authorizeSync(encodeContainer([await invoke()])))).toBe('allowed')
    time = now + 3600
    expect(verdict(service.authorizeSync(encodeContainer([await invoke(time)])))).toBe('expired at 0 TIM-03')
    time = now
    void revocations.add({ ids: [String(proofs[0]?.cid)], expiration: now + 600 })
    expect(verdict(service.authorizeSync(encodeContainer([await invoke()])))).toBe('revoked at 0 RVK-05')
  })

  it('take a bounded memory: one with a long policy counts as several [attack 86]', async () => {
    const service = createService({ rememberProofs: true, maxCachedDelegations: 8 })
    const plain = await chainOf(alice, bob)
    const policy = Array.from({ length: 200 }, (_, index) => ['!=', '.to', index])
    const long = [await delegateRaw(alice, bob, { policy })]
    const args = { to: 'bob@example.com' }
    const ask = async (proofs: typeof plain, sent = proofs) =>
      verdict(service.authorizeSync(encodeContainer([await call({ issuer: bob, proofs, args }), ...sent])))
    expect(await ask(plain)).toBe('allowed')
    expect(await ask(long)).toBe('allowed')
    expect(await ask(long, [])).toBe('allowed')
    expect(await ask(plain, [])).toBe('allowed')
    for (let count = 0; count < 2; count++) {
      const other = [await delegateRaw(alice, bob, { policy })]
      expect(await ask(other)).toBe('allowed')
    }
    expect(await ask(plain, [])).toBe('proof_missing at 0 PRF-01')
  })

  it('count as one when they are short: at least half of `maxCachedDelegations` are remembered', async () => {
    const service = createService({ rememberProofs: true, maxCachedDelegations: 8 })
    const chains = await Promise.all(Array.from({ length: 4 }, () => chainOf(alice, bob)))
    const ask = async (proofs: (typeof chains)[number], sent = proofs) =>
      verdict(service.authorizeSync(encodeContainer([await call({ issuer: bob, proofs }), ...sent])))
    for (const proofs of chains) expect(await ask(proofs)).toBe('allowed')
    for (const proofs of chains) expect(await ask(proofs, [])).toBe('allowed')
  })

  it('count for one more with each 512 signed bytes', () => {
    expect([0, 511, 512, 1023, 1024].map(linkWeight)).toEqual([1, 1, 2, 2, 3])
  })
})
