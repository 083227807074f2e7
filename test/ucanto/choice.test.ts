import { type API, delegate as coreDelegate, invoke as coreInvoke, Delegation } from '@ucanto/core'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { parseDid } from '../../src/core/did/did.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationStore } from '../../src/core/revocation/revocation-store.ts'
import { never } from '../../src/time.ts'
import { verdict } from '../support/service.ts'
import { archiveOf, foreignVerdict, ownOptions, ownVerdict, peer } from './peers.ts'
import { signedAnew } from './raw.ts'

const [alice, bob, carol, dave, service] = (await Promise.all(
  ['alice', 'bob', 'carol', 'dave', 'service'].map(peer),
)) as [Peer, Peer, Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>

const mail = { can: 'mail/send', with: alice.did() } as const
let count = 0

const give = (
  issuer: API.Signer,
  audience: API.Principal,
  change: { readonly nb?: object; readonly proofs?: readonly API.Delegation[]; readonly more?: readonly object[] } = {},
): Promise<API.Delegation> =>
  coreDelegate({
    issuer,
    audience,
    capabilities: [{ ...mail, ...(change.nb === undefined ? {} : { nb: change.nb }) }, ...(change.more ?? [])],
    proofs: change.proofs ?? [],
    nonce: `nonce ${count++}`,
    lifetimeInSeconds: 100,
  } as unknown as Parameters<typeof coreDelegate>[0])

/** The same delegation with the signature of another principal. */
async function forged(delegation: API.Delegation): Promise<API.Delegation> {
  const { signature } = await give(delegation.issuer as API.Signer & API.Principal, carol).catch(() =>
    give(alice, carol),
  )
  const block = signedAnew(delegation.bytes, () => signature)
  const blocks = new Map([...delegation.export()].map((part) => [String(part.cid), part]))
  return Delegation.create({ root: block as unknown as API.UCANBlock, blocks: blocks as never })
}

const ask = (proofs: readonly API.Delegation[], nb: object = { to: 'bob' }, issuer = bob): Promise<Uint8Array> =>
  archiveOf(
    coreInvoke({
      issuer,
      audience: service,
      capability: { ...mail, nb },
      proofs: [...proofs],
      nonce: 'a nonce of enough bytes',
    }),
  )

async function revoked(...entries: readonly (readonly [API.Delegation | string, string?])[]): Promise<RevocationStore> {
  const revocations = memoryRevocationStore()
  for (const [what, revoker] of entries) {
    await revocations.add({
      ids: [typeof what === 'string' ? what : String(what.cid)],
      expiration: never,
      ...(revoker === undefined ? {} : { revoker: parseDid(revoker) }),
    })
  }
  return revocations
}

describe('the first valid path of several', () => {
  it('UCT-65 is chosen when another is not signed by its issuer', async () => {
    const [bad, good] = [await forged(await give(alice, bob)), await give(alice, bob)]
    for (const proofs of [
      [bad, good],
      [good, bad],
    ]) {
      const bytes = await ask(proofs)
      await expect.soft(foreignVerdict(bytes, service)).resolves.toBe('allowed')
      await expect.soft(ownVerdict(bytes)).resolves.toBe('allowed')
    }
    // The shortest path is the forged one; the other is two levels longer.
    const far = await give(carol, bob, { proofs: [await give(dave, carol, { proofs: [await give(alice, dave)] })] })
    await expect(ownVerdict(await ask([bad, far]))).resolves.toBe('allowed')
  })

  it('UCT-65 is chosen when another has an unsatisfied or a malformed policy', async () => {
    const wrong = await give(alice, bob, { nb: { pol: [['==', '.to', 'carol']] } })
    const none = await give(alice, bob, { nb: { pol: 'none' } })
    const good = await give(alice, bob, { nb: { pol: [['like', '.to', 'b*']] } })
    await expect(ownVerdict(await ask([wrong, none, good]))).resolves.toBe('allowed')
    await expect(ownVerdict(await ask([wrong, none]))).resolves.toBe('policy_unsatisfied at 0 PRF-11')
    await expect(ownVerdict(await ask([none, none]))).resolves.toBe('unsupported at container UCT-35')
    const within = await give(alice, bob, {
      nb: { pol: [['==', '.to', 'carol']] },
      more: [
        { ...mail, nb: { pol: 'none' } },
        { ...mail, nb: { pol: [['==', '.to', 'bob']] } },
      ],
    })
    await expect(ownVerdict(await ask([within]))).resolves.toBe('allowed')
    await expect(ownVerdict(await ask([within], { to: 'eve' }))).resolves.toBe('policy_unsatisfied at 0 PRF-11')
    const only = await give(alice, bob, { nb: { pol: 'none' }, more: [{ ...mail, nb: { pol: 'nothing' } }] })
    await expect(ownVerdict(await ask([only]))).resolves.toBe('unsupported at 0 UCT-35')
  })

  it('UCT-65 is chosen when another is revoked [attack 20]', async () => {
    const [first, second] = [await give(alice, bob), await give(alice, bob)]
    const bytes = await ask([first, second])
    await expect(ownVerdict(bytes, { revocations: await revoked([first]) })).resolves.toBe('allowed')
    await expect(ownVerdict(bytes, { revocations: await revoked([first, alice.did()]) })).resolves.toBe('allowed')
    const both = await revoked([first], [second, alice.did()])
    await expect(ownVerdict(bytes, { revocations: both })).resolves.toBe('revoked at 0 RVK-05')
    for (const principal of [alice, bob]) {
      const revocations = await revoked([principal.did()])
      await expect.soft(ownVerdict(bytes, { revocations })).resolves.toMatch(/^revoked at [01] RVK-05$/)
    }
    // One path leads through a revoked principal, the other does not.
    const through = await give(carol, bob, { proofs: [await give(alice, carol)] })
    const past = await give(dave, bob, { proofs: [await give(alice, dave)] })
    await expect(ownVerdict(await ask([through, past]), { revocations: await revoked([carol.did()]) })).resolves.toBe(
      'allowed',
    )
  })

  it('UCT-65 excludes a delegation that is revoked on one path, also on paths without the revoker', async () => {
    const [root, other] = [await give(alice, carol), await give(dave, carol, { proofs: [await give(alice, dave)] })]
    const shared = await give(carol, bob, { proofs: [other] })
    const bytes = await ask([shared, await give(carol, bob, { proofs: [root] })])
    // The revocation applies to one of the two paths only, because only that path contains Dave.
    await expect(ownVerdict(bytes, { revocations: await revoked([shared, dave.did()]) })).resolves.toBe('allowed')
    const two = await give(carol, bob, { proofs: [other, root] })
    await expect(ownVerdict(await ask([two]), { revocations: await revoked([two, dave.did()]) })).resolves.toBe(
      'allowed',
    )
  })

  it('UCT-65 reports, when all fail, the denial of the path that passed most checks', async () => {
    const bad = await forged(await give(alice, bob))
    const wrong = await give(alice, bob, { nb: { pol: [['==', '.to', 'carol']] } })
    const gone = await give(alice, bob)
    const revocations = await revoked([gone])
    await expect(ownVerdict(await ask([bad, wrong, gone]), { revocations })).resolves.toBe('revoked at 0 RVK-05')
    await expect(ownVerdict(await ask([bad, wrong]))).resolves.toBe('policy_unsatisfied at 0 PRF-11')
    await expect(ownVerdict(await ask([bad, await forged(await give(alice, bob))]))).resolves.toBe(
      'signature_invalid at 0 PRF-08',
    )
    const decision = await createAuthorizer(ownOptions()).authorize(await ask([bad, wrong]))
    expect(decision).toMatchObject({
      allowed: false,
      denial: {
        approvable: { audience: bob.did(), subject: alice.did() },
        call: { authenticated: true, invoker: bob.did(), subject: alice.did(), command: '/mail/send' },
      },
    })
  })

  it('AUD-27 does not report a call as authenticated that a stranger signed [attack 81]', async () => {
    const [one, other] = [await forged(await give(alice, carol)), await forged(await give(alice, carol))]
    const many = await Promise.all(Array.from({ length: 33 }, async () => forged(await give(alice, carol))))
    const wrong = { nb: { pol: [['==', '.to', 'carol']] } }
    const authorizer = createAuthorizer(ownOptions())
    const authenticated = async (proofs: readonly API.Delegation[]) => {
      const decision = await authorizer.authorize(await ask(proofs, { to: 'bob' }, carol))
      return decision.allowed ? [] : [decision.denial.code, decision.denial.call?.authenticated]
    }
    await expect(authenticated([one, other])).resolves.toEqual(['signature_invalid', false])
    await expect(authenticated(many)).resolves.toEqual(['too_large', false])
    // Carol has a delegation from Bob but not from Alice, and Bob has none from Alice either.
    const through = await give(bob, carol, { ...wrong, proofs: [await forged(await give(alice, bob))] })
    await expect(authenticated([through, one])).resolves.toEqual(['signature_invalid', false])
    const genuine = await give(alice, carol, wrong)
    await expect(authenticated([one, genuine])).resolves.toEqual(['policy_unsatisfied', true])
    await expect(authenticated([genuine])).resolves.toEqual(['policy_unsatisfied', true])
  })

  it('UCT-65 is searched only after the signature, service and time of the invocation were checked [attack 25]', async () => {
    const proofs = [await give(alice, bob), await forged(await give(alice, bob))]
    const verified: Uint8Array[] = []
    const counting: CryptoBackend = { ...backend, verify: counter(verified) }
    const call = await ask(proofs)
    await expect(ownVerdict(call, { audience: carol.did(), backend: counting })).resolves.toBe(
      'audience_mismatch at 1 SVC-01',
    )
    expect(verified).toHaveLength(0)
    const last = signedAnew(await lastToken(call), () => proofs[0]?.signature as Uint8Array)
    const copied = await archiveOf(
      Delegation.create({ root: last as never, blocks: blocksOf(proofs) as never }) as API.Delegation,
    )
    await expect(ownVerdict(copied, { backend: counting })).resolves.toBe('signature_invalid at 1 PRF-08')
    expect(verified).toHaveLength(1)
  })

  it('UCT-36 verifies each signature once, and queries the store once [attack 25]', async () => {
    const forgeries = await Promise.all(Array.from({ length: 10 }, async () => forged(await give(alice, bob))))
    const good = await give(alice, bob)
    const verified: Uint8Array[] = []
    const asked: (readonly string[])[] = []
    const store = memoryRevocationStore()
    const revocations: RevocationStore = {
      findRevocations(ids, options) {
        asked.push(ids)
        return store.findRevocations(ids, options)
      },
    }
    const counting: CryptoBackend = { ...backend, verify: counter(verified) }
    const bytes = await ask([...forgeries, good])
    await expect(ownVerdict(bytes, { backend: counting, revocations })).resolves.toBe('allowed')
    // Ten forgeries, the valid one and the call; the last two again by the final checks.
    expect(verified).toHaveLength(14)
    expect(asked).toHaveLength(2)
  })

  it('UCT-36 verifies a limited number of signatures', async () => {
    const forgeries = await Promise.all(Array.from({ length: 40 }, async () => forged(await give(alice, bob))))
    const good = await give(alice, bob)
    await expect(ownVerdict(await ask([...forgeries.slice(0, 31), good]))).resolves.toBe('allowed')
    await expect(ownVerdict(await ask([...forgeries, good]))).resolves.toBe('too_large at container UCT-36')
    await expect(ownVerdict(await ask([good, ...forgeries]))).resolves.toBe('allowed')
  })

  it('UCT-36 counts remembered signatures like others', async () => {
    const proofs = await Promise.all(Array.from({ length: 33 }, () => give(alice, bob)))
    const revoked = new Set(proofs.map(({ cid }) => String(cid)))
    let isRevoked = false
    const revocations: RevocationStore = {
      findRevocations: (ids) => ids.filter((id) => isRevoked && revoked.has(id)).map((id) => ({ id })),
    }
    const authorizer = createAuthorizer(ownOptions({ revocations, replay: { claim: () => true } }))
    for (const proof of proofs) expect(verdict(await authorizer.authorize(await ask([proof])))).toBe('allowed')
    isRevoked = true
    for (const named of [proofs, proofs.slice(1)]) {
      const bytes = await ask(named)
      const cold = await ownVerdict(bytes, { revocations })
      expect(cold).toBe(named === proofs ? 'too_large at container UCT-36' : 'revoked at 0 RVK-05')
      expect(verdict(await authorizer.authorize(bytes))).toBe(cold)
    }
  })

  it('UCT-36 does not read the policy of an unsigned delegation [attack 25]', async () => {
    const nonsense = { nb: { pol: 'no policy' } }
    const signed = await give(alice, bob, nonsense)
    const unsigned = await forged(await give(alice, bob, nonsense))
    const other = await forged(await give(alice, bob))
    await expect(ownVerdict(await ask([unsigned, other]))).resolves.toBe('signature_invalid at 0 PRF-08')
    await expect(ownVerdict(await ask([other, signed]))).resolves.toBe('unsupported at 0 UCT-35')
    await expect(ownVerdict(await ask([signed, await give(alice, bob)]))).resolves.toBe('allowed')
  })

  it('UCT-36 fails when revocations cannot be looked up', async () => {
    const bytes = await ask([await give(alice, bob), await give(alice, bob)])
    for (const findRevocations of [() => Promise.reject(new Error('down')), () => 'none', () => [undefined]]) {
      const revocations = { findRevocations } as unknown as RevocationStore
      await expect.soft(ownVerdict(bytes, { revocations })).resolves.toBe('revocation_unknown at container RVK-06')
    }
  })

  it('UCT-58 has one budget for the policies of all paths [attack 25]', async () => {
    const much = Array.from({ length: 100 }, () => ['all', '.list', ['==', '.', 2]])
    const list = Array.from({ length: 1_000 }, () => 2)
    const costly = await give(alice, bob, { nb: { pol: [...much, ['==', '.to', 'carol']] } })
    const cheap = await give(alice, bob)
    const bytes = await ask([costly, cheap], { to: 'bob', list })
    await expect(ownVerdict(bytes)).resolves.toBe('policy_over_budget at 0 UCT-58')
    await expect(ownVerdict(await ask([cheap, costly], { to: 'bob', list }))).resolves.toBe('allowed')
  })
})

function counter(verified: Uint8Array[]): CryptoBackend['verify'] {
  return (key, signature, message) => {
    verified.push(message)
    return backend.verify(key, signature, message)
  }
}

function blocksOf(delegations: readonly API.Delegation[]): ReadonlyMap<string, unknown> {
  return new Map(delegations.flatMap((delegation) => [...delegation.export()].map((part) => [String(part.cid), part])))
}

async function lastToken(archive: Uint8Array): Promise<Uint8Array> {
  const { ok } = await Delegation.extract(archive)
  return ok?.bytes as Uint8Array
}
