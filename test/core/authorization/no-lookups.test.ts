import { describe, expect, it } from 'vitest'
import { encodeContainer, type TokenLike } from '../../../src/core/container/container.ts'
import { actor } from '../../support/actors.ts'
import { call, chainOf, createService, verdict } from '../../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const mallory = await actor('mallory')
const proofs = await chainOf(alice, bob)
const invocation = await call({ issuer: bob, proofs })

/** The same token with another signature, which is its first item. */
function forged({ bytes }: TokenLike): TokenLike {
  return { bytes: bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte)) }
}

describe('a call that its issuer has not signed', () => {
  it('asks no store, whatever is wrong with it [attack 84]', async () => {
    let asked = 0
    const count = async (): Promise<never> => {
      asked += 1
      throw new Error('the store was asked')
    }
    const service = createService({
      revocations: { findRevocations: count },
      replay: { claim: count },
    })
    const calls: readonly (readonly TokenLike[])[] = [
      [forged(invocation), ...proofs],
      [forged(invocation), forged(proofs[0] as TokenLike)],
      [await call({ issuer: mallory, proofs }), ...proofs],
      [await call({ issuer: mallory, subject: alice.did })],
      [await call({ issuer: bob, proofs, audience: alice.did }), ...proofs],
      [invocation],
      [...proofs],
      [{ bytes: invocation.bytes.subarray(0, -1) }, ...proofs],
    ]
    for (const tokens of calls) expect(verdict(await service.authorize(encodeContainer(tokens)))).not.toBe('allowed')
    expect(asked).toBe(0)
    // and is asked about one that is signed
    const signed = await service.authorize(encodeContainer([invocation, ...proofs]))
    expect([verdict(signed).split(' ')[0], asked > 0]).toEqual(['revocation_unknown', true])
  })
})
