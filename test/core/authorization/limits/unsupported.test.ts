import { describe, expect, it } from 'vitest'
import { memoryStores } from '../../../../src/core/authorization/memory-stores.ts'
import { maxConcurrent, maxRate, maxSum, maxUses } from '../../../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../../../src/core/container/container.ts'
import { actor, clock } from '../../../support/actors.ts'
import { call, createService, decide, delegateRaw, verdict } from '../../../support/service.ts'

const [alice, bob, carol] = await Promise.all([actor('alice'), actor('bob'), actor('carol')])
const limits = [maxUses(5), maxSum('.amount', 5), maxRate(5, 60), maxConcurrent(5)]
const args = { amount: 1 }

describe('LMT-06 a service that does not count', () => {
  it.each(limits)('refuses a chain with a limit at any place: %j', async (...limit) => {
    const policy = [limit]
    const root = await delegateRaw(alice, bob)
    const limited = await delegateRaw(alice, bob, { policy })
    const next = await delegateRaw(bob, carol, { subject: alice.did })
    const limitedNext = await delegateRaw(bob, carol, { subject: alice.did, policy })
    for (const [proofs, wanted] of [
      [[root, next], 'allowed'],
      [[limited, next], 'limit_unsupported at 0 LMT-06'],
      [[root, limitedNext], 'limit_unsupported at 1 LMT-06'],
      [[limited, limitedNext], 'limit_unsupported at 0 LMT-06'],
    ] as const) {
      const invocation = await call({ issuer: carol, proofs, args })
      expect(await decide([invocation, ...proofs])).toBe(wanted)
    }
  })

  it('refuses it also when the delegation is remembered', async () => {
    const proofs = [await delegateRaw(alice, bob, { policy: [maxUses(5)] })]
    const authorizer = createService()
    for (let time = 0; time < 3; time++) {
      const container = encodeContainer([await call({ issuer: bob, proofs, args }), ...proofs])
      expect(verdict(authorizer.authorizeSync(container))).toBe('limit_unsupported at 0 LMT-06')
    }
  })

  it('leaves the call to a service that counts', async () => {
    const proofs = [await delegateRaw(alice, bob, { policy: [maxUses(5)] })]
    const stores = memoryStores({ clock })
    const { limitStore: _, ...uncounted } = stores
    const container = encodeContainer([await call({ issuer: bob, proofs, args }), ...proofs])
    const authorizer = createService(uncounted)
    for (let time = 0; time < 2; time++)
      expect(verdict(await authorizer.authorize(container))).toBe('limit_unsupported at 0 LMT-06')
    expect(stores.replay.size).toBe(0)
    expect(verdict(await createService(stores).authorize(container))).toBe('allowed')
  })

  it('gives every other reason of a refusal first', async () => {
    const proofs = [await delegateRaw(alice, bob, { policy: [maxUses(5), maxSum('.amount', 5)] })]
    expect(await decide([await call({ issuer: bob, proofs, args: {} }), ...proofs])).toBe(
      'policy_unsatisfied at 0 PRF-11',
    )
    expect(await decide([await call({ issuer: bob, proofs, args: { amount: 6 } }), ...proofs])).toBe(
      'policy_unsatisfied at 0 PRF-11',
    )
  })
})
