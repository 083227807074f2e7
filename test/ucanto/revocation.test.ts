import { type API, delegate as coreDelegate, invoke as coreInvoke } from '@ucanto/core'
import { Absentee } from '@ucanto/principal'
import { describe, expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { decode } from '../../src/ucanto/decode.ts'
import type { UcantoToken } from '../../src/ucanto/token.ts'
import { verifyRevocation } from '../../src/ucanto/verify-revocation.ts'
import { archiveOf, ownVerdict, peer } from './peers.ts'

const [alice, bob, carol, service] = (await Promise.all(['alice', 'bob', 'carol', 'service'].map(peer))) as [
  Peer,
  Peer,
  Peer,
  Peer,
]
type Peer = Awaited<ReturnType<typeof peer>>

const capabilities = [{ can: 'mail/send', with: alice.did() }] as [API.Capability]
const expiration = Math.floor(Date.now() / 1000) + 1000
const root = await coreDelegate({ issuer: alice, audience: bob, capabilities, expiration })
const leaf = await coreDelegate({ issuer: bob, audience: carol, capabilities, proofs: [root], expiration })
const [known] = (await decode(await archiveOf(leaf))) as [UcantoToken]

const revocationBy = (
  issuer: Peer,
  nb: object = { ucan: leaf.cid, proof: [root.cid] },
  subject: Peer = issuer,
): Promise<Uint8Array> =>
  archiveOf(coreInvoke({ issuer, audience: service, capability: { can: 'ucan/revoke', with: subject.did(), nb } }))

/** The verdict about a revocation of the leaf, in one line. */
async function verdictOn(
  bytes: Uint8Array,
  find: (cid: unknown) => UcantoToken | undefined = () => known,
): Promise<string> {
  const verdict = await verifyRevocation(bytes, { audience: service.did(), revocations: memoryRevocationStore(), find })
  return verdict.accepted ? 'accepted' : `${verdict.denial.code} ${verdict.denial.requirement}`
}

describe('ucan/revoke', () => {
  it('UCT-47 is accepted from the issuer of the delegation or of one in its proof chain', async () => {
    await expect(verdictOn(await revocationBy(bob))).resolves.toBe('accepted')
    await expect(verdictOn(await revocationBy(alice))).resolves.toBe('accepted')
    await expect(verdictOn(await revocationBy(carol))).resolves.toBe('root_not_subject UCT-47')
    await expect(verdictOn(await revocationBy(carol, undefined, alice))).resolves.toBe('root_not_subject UCT-33')
    await expect(verdictOn(await revocationBy(bob), () => undefined)).resolves.toBe('proof_missing UCT-47')
    await expect(verdictOn(await revocationBy(bob, { ucan: root.cid }))).resolves.toBe('proof_missing UCT-47')
    await expect(verdictOn(await revocationBy(bob, { ucan: 'all' }))).resolves.toBe('arguments_invalid ARG-03')
    await expect(verdictOn(await revocationBy(bob, { ucan: leaf.cid, proof: [1] }))).resolves.toBe(
      'arguments_invalid ARG-03',
    )
  })

  it('UCT-47 UCT-49 is accepted from a principal without a key, through an agent with a session', async () => {
    const account = Absentee.from({ id: 'did:mailto:example.com:alice' })
    const options = { capabilities: [{ can: '*', with: 'ucan:*' }] as [API.Capability], expiration }
    const login = await coreDelegate({ ...options, issuer: account, audience: bob })
    const session = await coreDelegate({
      issuer: service,
      audience: bob,
      capabilities: [{ can: 'ucan/attest', with: service.did(), nb: { proof: login.cid } as object }],
    })
    const [target] = (await decode(await archiveOf(login))) as [UcantoToken]
    const capability = { can: 'ucan/revoke', with: account.did(), nb: { ucan: login.cid } as object } as const
    const bytes = await archiveOf(coreInvoke({ issuer: bob, audience: service, capability, proofs: [login, session] }))
    const settings = { audience: service.did(), revocations: memoryRevocationStore(), find: () => target }
    const verdict = await verifyRevocation(bytes, { ...settings, attestationAuthorities: [service.did()] })
    expect(verdict).toMatchObject({ accepted: true, entry: { ids: [String(login.cid)], revoker: account.did() } })
    await expect(verifyRevocation(bytes, settings)).resolves.toMatchObject({
      accepted: false,
      denial: { requirement: 'UCT-51' },
    })
  })

  it('is stored, after which the delegation is refused', async () => {
    const call = coreInvoke({
      issuer: carol,
      audience: service,
      capability: { can: 'mail/send', with: alice.did() },
      proofs: [leaf],
      nonce: 'a nonce of enough bytes',
    })
    const bytes = await archiveOf(call)
    const revocations = memoryRevocationStore()
    await expect(ownVerdict(bytes, { revocations })).resolves.toBe('allowed')
    const options = { audience: service.did(), revocations, find: () => known }
    const verdict = await verifyRevocation(await revocationBy(alice), options)
    if (!verdict.accepted) throw new Error(verdict.denial.message)
    expect(verdict.entry).toEqual({ ids: [leaf.cid.toString()], revoker: alice.did(), expiration })
    await revocations.add(verdict.entry)
    await expect(ownVerdict(bytes, { revocations })).resolves.toBe('revoked at 1 RVK-05')
  })
})
