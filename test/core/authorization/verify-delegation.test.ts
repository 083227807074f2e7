import { describe, expect, it } from 'vitest'
import { verifyDelegation } from '../../../src/core/authorization/verify-delegation.ts'
import type { Command } from '../../../src/core/capability/command.ts'
import { like, lt } from '../../../src/core/capability/policy/build.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { attenuate } from '../../../src/core/delegation/attenuate.ts'
import { type DelegateOptions, delegate } from '../../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import type { Did } from '../../../src/core/did/did.ts'
import { keyResolver } from '../../../src/core/did/resolver.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { concatBytes } from '../../../src/core/ipld/bytes.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'

const [owner, planner, agent, other] = [
  await actor('owner'),
  await actor('planner', 'ES256'),
  await actor('agent'),
  await actor('other'),
]
const grant = (audience: Signer, options: Partial<DelegateOptions> = {}) =>
  delegate({ issuer: owner, audience: audience.did, command: '/mail', clock, ...options })
const root = await grant(planner, { policy: [lt('.size', 10)], notBefore: now - 5, expiresIn: 900 })
const last = await attenuate(root, {
  issuer: planner,
  audience: agent.did,
  command: '/mail/send',
  policy: [like('.to', '*@example.com')],
  notBefore: now - 9,
  expiresIn: 600,
  clock,
})
const codeOf = async (...given: Parameters<typeof verifyDelegation>) => {
  const verdict = await verifyDelegation(given[0], { clock, ...given[1] })
  return verdict.verified ? 'verified' : `${verdict.denial.code} ${verdict.denial.requirement}`
}

describe('PRF-15 verifyDelegation', () => {
  it('gives the authority of the whole chain, of a list and of a container in any order', async () => {
    for (const given of [[root, last], encodeContainer([root, last])]) {
      const verdict = await verifyDelegation(given, { audience: agent.did, clock })
      expect(verdict).toMatchObject({
        verified: true,
        subject: owner.did,
        command: '/mail/send',
        policy: [lt('.size', 10), like('.to', '*@example.com')],
        notBefore: now - 5,
        expiration: now + 600,
      })
      if (!verdict.verified) continue
      expect(verdict.proofs.map(({ cid }) => String(cid))).toEqual([String(root.cid), String(last.cid)])
      expect(verdict.delegation.bytes).toEqual(last.bytes)
    }
  })

  it('takes a chain of any length from a container, whole, in whatever order its delegations have', async () => {
    const third = await attenuate([root, last], { issuer: agent, audience: other.did, command: '/mail/send', clock })
    const proofs = [root, last, third]
    const fourth = await attenuate(proofs, { issuer: other, audience: planner.did, command: '/mail/send', clock })
    const chain = [...proofs, fourth]
    for (const order of [chain, [...chain].reverse(), [fourth, root, third, last]]) {
      const verdict = await verifyDelegation(encodeContainer(order), { clock })
      expect(verdict.verified && verdict.proofs.map(({ cid }) => String(cid))).toEqual(
        chain.map(({ cid }) => String(cid)),
      )
    }
    for (const missing of chain.slice(0, -1))
      expect(await codeOf(encodeContainer(chain.filter((one) => one !== missing)))).not.toBe('verified')
  })

  it('refuses a container whose delegations make a chain in one order and none in another', async () => {
    // A container has its tokens in the order of their bytes, which differs with the nonces.
    for (let times = 0; times < 16; times += 1) {
      const first = await grant(planner)
      const back = await attenuate(first, { issuer: planner, audience: owner.did, command: '/mail', clock })
      const chain = [first, back, await grant(agent)]
      expect(await codeOf(encodeContainer(chain))).toBe('principal_misaligned PRF-15')
      expect(await codeOf(chain)).toBe('verified')
    }
  })

  it('CTN-12 verifies the bytes of a list as they were at the call', async () => {
    const bytes = last.bytes.slice()
    const resolver = {
      resolve: async (did: Did) => {
        bytes.fill(0)
        return keyResolver().resolve(did, {})
      },
    }
    const verdict = await verifyDelegation([root, { ...last, bytes }], { clock, resolver })
    expect([bytes.every((byte) => byte === 0), verdict.verified]).toEqual([true, true])
    expect(verdict.verified && verdict.delegation.bytes).toEqual(last.bytes)
  })

  it('verifies a delegation for every subject below one that has a subject', async () => {
    const all = await delegate({ issuer: planner, audience: agent.did, subject: anySubject, command: '/mail', clock })
    expect(await codeOf([root, all])).toBe('verified')
    expect(await codeOf([all])).toBe('root_not_subject PRF-03')
  })

  it('refuses more than one chain, and any other token', async () => {
    const call = await invoke({ issuer: owner, command: '/mail', clock })
    expect(await codeOf(encodeContainer([root, last, await grant(other)]))).toBe('principal_misaligned PRF-15')
    expect(await codeOf(encodeContainer([root, await grant(planner)]))).toBe('principal_misaligned PRF-15')
    expect(await codeOf(encodeContainer([last]))).toBe('root_not_subject PRF-15')
    expect(await codeOf(encodeContainer([root, call]))).toBe('malformed PRF-15')
    const empty = concatBytes([Uint8Array.of(0x40), encodeCbor({ 'ctn-v1': [] })])
    expect(await codeOf(empty)).toBe('root_not_subject PRF-15')
    expect(await codeOf('garbage')).toBe('unsupported CTN-01')
    expect(await codeOf('Cgarbage')).toMatch(/^malformed/)
    expect(await codeOf(new Uint8Array([0x40]))).toMatch(/^malformed/)
    expect(await codeOf(undefined as never)).toBe('unsupported CTN-01')
  })

  it('refuses by the rules of a call', async () => {
    const wide = await grant(planner, { command: '/calendar' })
    expect(await codeOf([wide, last])).toBe('command_not_covered PRF-07')
    expect(await codeOf([last, root])).toBe('root_not_subject PRF-04')
    expect(await codeOf([root, await grant(agent)])).toBe('principal_misaligned PRF-05')
    expect(await codeOf([await grant(agent, { expiration: now - 61 })])).toBe('expired TIM-03')
    expect(await codeOf([await grant(agent, { notBefore: now + 61, expiresIn: 900 })])).toBe('not_yet_valid TIM-02')
    expect(await codeOf([await grant(agent, { expiration: now - 59 })])).toBe('verified')
    expect(await codeOf([await grant(agent, { expiration: never })])).toBe('verified')
  })

  it('verifies signatures over the bytes, and believes no field of an object', async () => {
    const copy = last.bytes.slice()
    copy[40] = (copy[40] as number) ^ 1
    expect(await codeOf([root, { ...last, bytes: copy }])).toBe('signature_invalid PRF-08')
    const verdict = await verifyDelegation(
      [{ ...root, command: '/' as Command, audience: agent.did, policy: [] } as Delegation],
      {
        clock,
      },
    )
    expect(verdict).toMatchObject({ verified: true, command: '/mail', policy: [lt('.size', 10)] })
    expect(verdict.verified && verdict.delegation.audience).toBe(planner.did)
  })

  it('looks revocations up where it has a store, under both names of an ECDSA token', async () => {
    const revocations = memoryRevocationStore({ clock })
    expect(await codeOf([root, last], { revocations })).toBe('verified')
    await revocations.add({ ids: [String(last.cid)], revoker: planner.did, expiration: never })
    expect(await codeOf([root, last], { revocations })).toBe('revoked RVK-05')
    const broken = { findRevocations: () => Promise.reject(new Error('down')) }
    expect(await codeOf([root, last], { revocations: broken })).toBe('revocation_unknown RVK-06')
  })

  it('refuses arguments that are not delegations', async () => {
    await expect(verifyDelegation([])).rejects.toThrow(ArgumentError)
    await expect(verifyDelegation([{}] as never)).rejects.toThrow('`delegations[0]` must be a delegation')
    await expect(verifyDelegation([delegate({} as never).catch(() => root)] as never)).rejects.toThrow('await it')
  })
})

describe('PRF-16 a delegation for another principal', () => {
  it('is refused, with both DIDs', async () => {
    const verdict = await verifyDelegation([root, last], { audience: other.did, clock })
    expect(verdict).toMatchObject({
      verified: false,
      denial: { code: 'audience_mismatch', at: 1, requirement: 'PRF-16', detail: { found: agent.did } },
    })
    await expect(verifyDelegation([root], { audience: other as never })).rejects.toThrow(ArgumentError)
  })
})

describe('PRF-17 a chain that no call can use', () => {
  it('is refused for its length', async () => {
    const chain = [await grant(owner)]
    while (chain.length < 17) chain.push(await attenuate(chain, { issuer: owner, audience: owner.did, clock }))
    expect(await codeOf(chain)).toBe('chain_too_long PRF-17')
    expect(await codeOf(chain.slice(1))).toBe('verified')
    expect(await codeOf(chain.slice(0, 3), { bounds: { proofs: 2 } })).toBe('chain_too_long PRF-17')
  })
})
