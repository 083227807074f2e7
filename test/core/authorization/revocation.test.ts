import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { verifyRevocation } from '../../../src/core/authorization/verify-revocation.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainer, type TokenLike } from '../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import { type Did, parseDid } from '../../../src/core/did/did.ts'
import { encodeBase58btc } from '../../../src/core/ipld/base.ts'
import { encodeHex } from '../../../src/core/ipld/hex.ts'
import { parseTokenCid } from '../../../src/core/ipld/parse-cid.ts'
import { twinSignature } from '../../../src/core/principal/signature.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationStore } from '../../../src/core/revocation/revocation-store.ts'
import { revoke } from '../../../src/core/revocation/revoke.ts'
import { ArgumentError, StoreError, StoreFullError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, chainOf, createService, decide, delegateRaw, verdict } from '../../support/service.ts'

const [alice, bob, carol, dan, mallory] = (await Promise.all(
  ['alice', 'bob', 'carol', 'dan', 'mallory'].map((name) => actor(name)),
)) as [Signer, Signer, Signer, Signer, Signer]
const proofs = await chainOf(alice, bob, carol, dan)
const [first, second, third] = proofs as unknown as [Delegation, Delegation, Delegation]

/** The verdict about a revocation: `accepted`, or code and requirement. */
async function said(tokens: readonly TokenLike[]): Promise<string> {
  const verdict = await verifyRevocation(encodeContainer(tokens), { clock })
  return verdict.accepted ? 'accepted' : `${verdict.denial.code} ${verdict.denial.requirement}`
}

async function storeWith(tokens: readonly TokenLike[]) {
  const revocations = memoryRevocationStore({ clock })
  const verdict = await verifyRevocation(encodeContainer(tokens), { clock })
  if (verdict.accepted) await revocations.add(verdict.entry)
  return revocations
}

/** A delegation, and the same one with the other signature that anybody can compute. */
async function signedTwice() {
  const owner = await actor('alice', 'ES256')
  const original = await delegateRaw(owner, bob)
  const bytes = original.bytes.slice()
  bytes.set(twinSignature('ES256', bytes.slice(3, 67)) as Uint8Array, 3)
  return { owner, original, twin: await decodeDelegation(bytes) }
}

describe('verifyRevocation', () => {
  it('RVK-01 requires a revocation, and refuses other calls', async () => {
    const payload = { ...invocationPayload(bob.did), cmd: '/ucan/revoke', exp: null }
    const raw = async (change: Record<string, unknown>) => ({
      bytes: await sealRaw(bob, { tag: 'ucan/inv@1.0.0', payload: { ...payload, ...change } }),
    })
    expect(await said([await raw({ args: { revoke: second.cid } }), second])).toBe('accepted')
    for (const args of [
      {},
      { revoke: 'x' },
      { revoke: second.cid, more: 1 },
      { revoke: second.cid, path: [] },
      { revoke: second.cid, path: [second.cid, first.cid] },
    ]) {
      expect(await said([await raw({ args }), first, second])).toBe('malformed RVK-01')
    }
    expect(await said([await raw({ cmd: '/mail', args: { revoke: second.cid } }), second])).toBe('malformed RVK-01')
  })

  it('RVK-02 requires the issuer of the delegation or of an earlier one [attack 18]', async () => {
    const path = [first, second]
    expect(await said([await revoke({ issuer: bob, delegation: second }), second])).toBe('accepted')
    expect(await said([await revoke({ issuer: alice, delegation: second, path }), ...path])).toBe('accepted')
    expect(await said([await revoke({ issuer: alice, delegation: second }), second])).toBe('root_not_subject RVK-02')
    for (const stranger of [carol, dan, mallory]) {
      const revocation = await revoke({ issuer: stranger, delegation: second, path })
      expect(await said([revocation, ...path])).toBe('root_not_subject RVK-02')
    }
  })

  it('RVK-02 PRF-08 requires the signature of the revoker, and of each issuer of the right to revoke [attack 18]', async () => {
    const payload = { ...invocationPayload(bob.did), cmd: '/ucan/revoke', args: { revoke: second.cid }, exp: null }
    const signedBy = async (signer: Signer) => ({ bytes: await sealRaw(signer, { tag: 'ucan/inv@1.0.0', payload }) })
    expect(await said([await signedBy(bob), second])).toBe('accepted')
    expect(await said([await signedBy(mallory), second])).toBe('signature_invalid PRF-08')
    // Mallory writes a right of bob's, and signs it herself.
    const right = { ...delegationPayload(bob.did, mallory.did), cmd: '/ucan/revoke' }
    const forged = await decodeDelegation(await sealRaw(mallory, { payload: right }))
    const revocation = await revoke({ issuer: mallory, subject: bob.did, delegation: second, proofs: [forged] })
    expect(await said([revocation, forged, second])).toBe('signature_invalid PRF-08')
  })

  it('RVK-02 requires a right to revoke that is valid now, and for this revocation [attack 18]', async () => {
    const asked = async (change: Parameters<typeof delegateRaw>[2]) => {
      const right = await delegateRaw(bob, mallory, { command: '/ucan/revoke', ...change })
      const revocation = await revoke({ issuer: mallory, subject: bob.did, delegation: second, proofs: [right] })
      return said([revocation, right, second])
    }
    expect(await asked({ policy: [['==', '.revoke', second.cid]] })).toBe('accepted')
    expect(await asked({ policy: [['==', '.revoke', third.cid]] })).toBe('policy_unsatisfied PRF-11')
    expect(await asked({ expiration: now - 61 })).toBe('expired TIM-03')
    expect(await asked({ notBefore: now + 61 })).toBe('not_yet_valid TIM-02')
  })

  it('RVK-02 requires such an issuer or their delegate', async () => {
    const right = await delegateRaw(bob, mallory, { command: '/ucan/revoke' })
    const revocation = await revoke({ issuer: mallory, subject: bob.did, delegation: second, proofs: [right] })
    expect(await said([revocation, right, second])).toBe('accepted')
    expect(await said([revocation, second])).toBe('proof_missing PRF-01')
    const other = await delegateRaw(bob, mallory, { command: '/mail' })
    const wrong = await revoke({ issuer: mallory, subject: bob.did, delegation: second, proofs: [other] })
    expect(await said([wrong, other, second])).toBe('command_not_covered PRF-07')
  })

  it('RVK-09 requires an unrevoked right, if there is a revocation store', async () => {
    const right = await delegateRaw(bob, mallory, { command: '/ucan/revoke' })
    const tokens = [
      await revoke({ issuer: mallory, subject: bob.did, delegation: second, proofs: [right] }),
      right,
      second,
    ]
    const asked = async (revocations: RevocationStore) => {
      const verdict = await verifyRevocation(encodeContainer(tokens), { clock, revocations })
      return verdict.accepted ? 'accepted' : `${verdict.denial.code} ${verdict.denial.requirement}`
    }
    expect(await asked(memoryRevocationStore({ clock }))).toBe('accepted')
    expect(await asked(await storeWith([await revoke({ issuer: bob, delegation: right }), right]))).toBe(
      'revoked RVK-05',
    )
    expect(await asked({ findRevocations: () => Promise.reject(new Error('down')) })).toBe('revocation_unknown RVK-06')
  })

  describe('RVK-14 by a principal that is neither the issuer nor the owner', () => {
    const by = async (issuer: Signer, path: readonly Delegation[], revocations?: RevocationStore): Promise<string> => {
      const revocation = await revoke({ issuer, delegation: path.at(-1) as Delegation, path })
      const container = encodeContainer([revocation, ...path])
      const verdict = await verifyRevocation(container, { clock, ...(revocations && { revocations }) })
      return verdict.accepted ? 'accepted' : `${verdict.denial.code} ${verdict.denial.requirement}`
    }
    const over = { subject: alice.did } as const

    it('is accepted with a chain that can be used, before it begins as well', async () => {
      expect(await by(bob, [first, second, third])).toBe('accepted')
      const later = await delegateRaw(bob, carol, { ...over, notBefore: now + 3_600 })
      expect(await by(bob, [first, later, await delegateRaw(carol, dan, over)])).toBe('accepted')
      const again = await delegateRaw(carol, carol, over)
      expect(await by(bob, [first, second, again, third])).toBe('accepted')
    })

    it('is refused in a circle, by any key that a delegate inserts [attack 81]', async () => {
      const [victim] = await chainOf(alice, dan)
      const given = await delegateRaw(alice, mallory, { ...over, expiration: now + 60 })
      for (const name of ['k1', 'k2', 'k3']) {
        const key = await actor(name)
        const circle = [await delegateRaw(mallory, key, over), await delegateRaw(key, alice, over)]
        expect(await by(key, [given, ...circle, victim as Delegation])).toBe('principal_misaligned RVK-14')
        expect(await by(mallory, [given, ...circle, victim as Delegation])).toBe('principal_misaligned RVK-14')
        const around = [await delegateRaw(bob, key, over), await delegateRaw(key, bob, over)]
        expect(await by(key, [first, ...around, second])).toBe('principal_misaligned RVK-14')
        expect(await by(key, [first, ...around, ...around, second])).toBe('principal_misaligned RVK-14')
      }
    })

    it('is refused if the chain does not begin with its subject, is broader or has expired', async () => {
      const inserted = await delegateRaw(mallory, bob, over)
      expect(await by(mallory, [inserted, second])).toBe('root_not_subject RVK-14')
      const anybody = await delegateRaw(mallory, bob, { subject: anySubject })
      expect(await by(mallory, [anybody, second])).toBe('root_not_subject RVK-14')
      const harmless = await delegateRaw(alice, mallory, { ...over, command: '/harmless' })
      expect(await by(mallory, [harmless, inserted, second])).toBe('command_not_covered RVK-14')
      const expired = await delegateRaw(alice, mallory, { ...over, expiration: now - 61 })
      expect(await by(mallory, [expired, inserted, second])).toBe('expired RVK-14')
      expect(await by(alice, [expired, inserted, second])).toBe('accepted')
    })

    it('is refused if a delegation before the revoked one is revoked, which the revoked one may be', async () => {
      const path = [await delegateRaw(alice, mallory, over), await delegateRaw(mallory, bob, over), second]
      const [given, , target] = path as [Delegation, Delegation, Delegation]
      const store = await storeWith([await revoke({ issuer: bob, delegation: target }), target])
      expect(await by(mallory, path, store)).toBe('accepted')
      await store.add({ ids: [String(given.cid)], revoker: alice.did, expiration: never })
      expect(await by(mallory, path, store)).toBe('revoked RVK-05')
      expect(await by(alice, path, store)).toBe('accepted')
      expect(await by(bob, path, store)).toBe('accepted')
      expect(await by(mallory, path, { findRevocations: () => Promise.reject(new Error('down')) })).toBe(
        'revocation_unknown RVK-06',
      )
    })
  })

  it('RVK-08 requires a path that is one chain, signed by its issuers', async () => {
    const path = [first, third]
    expect(await said([await revoke({ issuer: alice, delegation: third, path }), ...path])).toBe(
      'principal_misaligned RVK-08',
    )
    const foreign = await delegateRaw(mallory, bob, { subject: mallory.did })
    const mixed = [foreign, second]
    expect(await said([await revoke({ issuer: mallory, delegation: second, path: mixed }), ...mixed])).toBe(
      'subject_misaligned RVK-08',
    )
    const forged = first.bytes.slice()
    forged[10] = (forged[10] as number) ^ 1
    const changed = await decodeDelegation(forged)
    const bad = [changed, second]
    expect(await said([await revoke({ issuer: alice, delegation: second, path: bad }), ...bad])).toBe(
      'signature_invalid PRF-08',
    )
  })

  it('PRF-08 names the delegation of the path that is not signed, and its issuer', async () => {
    const forged = second.bytes.slice()
    forged[10] = (forged[10] as number) ^ 1
    const changed = await decodeDelegation(forged)
    const path = [first, changed]
    const revocation = await revoke({ issuer: alice, delegation: changed, path })
    const verdict = await verifyRevocation(encodeContainer([revocation, ...path]), { clock })
    expect(verdict.accepted || verdict.denial).toMatchObject({
      at: 1,
      message: `delegation 2 of 2 is not signed by its issuer ${bob.did}`,
    })
  })

  it('throws nothing for bytes of any kind', async () => {
    expect(await verifyRevocation('nonsense', { clock })).toMatchObject({
      accepted: false,
      denial: { code: 'unsupported' },
    })
    expect(await said([await revoke({ issuer: bob, delegation: second })])).toBe('proof_missing PRF-01')
    for (const nothing of [undefined, null, 5, {}, []]) {
      expect(await verifyRevocation(nothing as never, { clock })).toMatchObject({
        accepted: false,
        denial: { code: 'unsupported', requirement: 'CTN-01' },
      })
    }
  })
})

describe('revoke', () => {
  it('ENV-08 does not sign the CID of something that is not a delegation, also when a getter returns it later', async () => {
    let signed = 0
    const sign: Signer['sign'] = (bytes) => {
      signed += 1
      return alice.sign(bytes)
    }
    const issuer: Signer = { did: alice.did, algorithm: alice.algorithm, publicKey: alice.publicKey, sign }
    const raw = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
    const answers: unknown[] = [first.cid, 'text']
    const changing = {
      get cid(): CID {
        return (answers.shift() ?? 'text') as CID
      },
    }
    for (const options of [
      { issuer, delegation: { cid: raw } },
      { issuer, delegation: changing },
      { issuer, delegation: first, path: [{ cid: raw }] },
    ]) {
      await expect(revoke(options)).rejects.toThrow('must have CIDs of delegations')
    }
    expect(signed).toBe(0)
    await revoke({ issuer, delegation: first, path: [first] })
    expect(signed).toBe(1)
  })
})

describe('a revoked delegation', () => {
  it('RVK-05 ends every chain that contains it, and all further delegations of it [attack 21]', async () => {
    for (const [at, target] of proofs.entries()) {
      const revocation = await revoke({ issuer: [alice, bob, carol][at] as Signer, delegation: target })
      const revocations = await storeWith([revocation, target])
      const said = await decide([await call({ issuer: dan, proofs }), ...proofs], { revocations })
      expect(said).toBe(`revoked at ${at} RVK-05`)
    }
  })

  it('RVK-05 is named by its place in the chain and its CID', async () => {
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: [String(second.cid)], expiration: never })
    const container = encodeContainer([await call({ issuer: dan, proofs }), ...proofs])
    const decision = await createService({ revocations }).authorize(container)
    expect(decision).toMatchObject({
      denial: { message: `delegation 2 of 3 (${String(second.cid)}) is revoked; ask its issuer for a new delegation` },
    })
  })

  it('RVK-05 is also one of a principal that the operator shuts out [attack 21] [attack 90]', async () => {
    for (const [at, principal] of [alice, bob, carol, dan].entries()) {
      const revocations = memoryRevocationStore({ clock })
      await revocations.add({ ids: [principal.did], expiration: never })
      expect(await decide([await call({ issuer: dan, proofs }), ...proofs], { revocations })).toBe(
        `revoked at ${at} RVK-05`,
      )
    }
  })

  it('RVK-05 counts as revoked when its principal is revoked, for any revoker in the entry', async () => {
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: [bob.did], revoker: mallory.did, expiration: never })
    expect(await decide([await call({ issuer: dan, proofs }), ...proofs], { revocations })).toBe('revoked at 1 RVK-05')
  })

  it('RVK-03 is judged by the present chain: an issuer of another chain cannot revoke it', async () => {
    // Mallory really was given authority by alice and passed it on to bob, but the chain in use does not come that way.
    const detour = await chainOf(alice, mallory, bob)
    const path = [...detour, second]
    const revocation = await revoke({ issuer: mallory, delegation: second, path })
    const revocations = await storeWith([revocation, ...path])
    expect(await decide([await call({ issuer: dan, proofs }), ...proofs], { revocations })).toBe('allowed')
    const through = [...detour, second, third]
    expect(await decide([await call({ issuer: dan, proofs: through }), ...through], { revocations })).toBe(
      'revoked at 2 RVK-05',
    )
    // An invalid revocation does not hide a valid one.
    await revocations.add({ ids: [second.cid.toString()], revoker: bob.did, expiration: never })
    expect(await decide([await call({ issuer: dan, proofs }), ...proofs], { revocations })).toBe('revoked at 1 RVK-05')
  })

  it('RVK-03 is revoked at each of its positions when a chain contains it more than once', async () => {
    const [down, back] = [await delegateRaw(alice, bob), await delegateRaw(bob, alice, { subject: alice.did })]
    const last = await delegateRaw(bob, dan, { subject: alice.did })
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: [down.cid.toString()], revoker: bob.did, expiration: never })
    const said = async (chain: readonly Delegation[]) =>
      decide([await call({ issuer: dan, proofs: chain }), ...chain], { revocations })
    expect(await said([down, back, down, last])).toBe('revoked at 2 RVK-05')
    expect(await said([down, last])).toBe('allowed')
  })

  it('RVK-04 stays revoked under its other signature, whichever of the two was revoked [attack 20] [attack 58]', async () => {
    const { owner, original, twin } = await signedTwice()
    expect(twin.cid.equals(original.cid)).toBe(false)
    for (const [target, used] of [
      [original, twin],
      [twin, original],
      [original, original],
    ] as const) {
      const operator = memoryRevocationStore({ clock })
      await operator.add({ ids: [target.cid.toString()], expiration: never })
      const sent = await storeWith([await revoke({ issuer: owner, delegation: target }), target])
      for (const revocations of [operator, sent]) {
        expect(await decide([await call({ issuer: bob, proofs: [used] }), used], { revocations })).toBe(
          'revoked at 0 RVK-05',
        )
      }
    }
  })

  it('RVK-04 is stored under the CIDs of both signatures, for stores that are asked about one of them', async () => {
    const { owner, original, twin } = await signedTwice()
    for (const [target, other] of [
      [original, twin],
      [twin, original],
    ] as const) {
      const container = encodeContainer([await revoke({ issuer: owner, delegation: target }), target])
      const verdict = await verifyRevocation(container, { clock })
      expect(verdict).toMatchObject({ accepted: true, entry: { ids: [String(target.cid), String(other.cid)] } })
    }
  })

  it('RVK-05 is noticed between the decision and the release [attack 74]', async () => {
    const revocations = memoryRevocationStore({ clock })
    let time = now
    const authorizer = createService({ revocations, clock: { now: () => time } })
    const decision = await authorizer.authorize(encodeContainer([await call({ issuer: dan, proofs }), ...proofs]))
    if (!decision.allowed) throw new Error(decision.denial.message)
    expect(await authorizer.recheck(decision.authorization)).toBe(true)
    time = now + 121
    expect(await authorizer.recheck(decision.authorization)).toBe(false)
    time = now
    await revocations.add({ ids: [bob.did], expiration: never })
    expect(await authorizer.recheck(decision.authorization)).toBe(false)
    await expect(createService().recheck(decision.authorization)).rejects.toThrow(/not made by this authorizer/)
  })

  it('RVK-06 is unknown when the store fails, and the call is refused [attack 22]', async () => {
    const container = encodeContainer([await call({ issuer: dan, proofs }), ...proofs])
    const answers = [
      () => Promise.reject(new Error('down')),
      () => {
        throw new Error('down')
      },
      () => undefined,
      () => Promise.resolve('garbage'),
      () => null,
      () => [{ id: 'something else' }],
    ]
    for (const findRevocations of answers) {
      const authorizer = createService({ revocations: { findRevocations } as never })
      expect(verdict(await authorizer.authorize(container))).toBe('revocation_unknown at container RVK-06')
    }
  })

  it('is never forgotten while it counts, in whatever order revocations come [attack 19]', () => {
    let time = now
    const store = memoryRevocationStore({ maxEntries: 2, clock: { now: () => time } })
    const [short, long, more] = ['did:web:short.example', 'did:web:long.example', 'did:web:more.example']
    void store.add({ ids: [short], expiration: now + 10 })
    void store.add({ ids: [long], expiration: never })
    void store.add({ ids: [short], expiration: now + 100 })
    void store.add({ ids: [short], expiration: now + 10 })
    const ids = [alice.did, long, short]
    expect(store.findRevocations(ids, {})).toEqual([{ id: long }, { id: short }])
    time = now + 350
    expect(() => store.add({ ids: [more], expiration: never })).toThrow(StoreFullError)
    time = now + 401
    void store.add({ ids: [more], expiration: never })
    expect(store.findRevocations([...ids, more], {})).toEqual([{ id: long }, { id: more }])
  })

  it('has a store that asks for the `entry` when another value is added', () => {
    for (const wrong of [{ accepted: true, entry: { ids: ['a'], expiration: never } }, { revoked: 'a' }, 'a']) {
      expect(() => memoryRevocationStore().add(wrong as never)).toThrow(
        /^invalid revocation: .*; add the `entry` that `verifyRevocation` returns/,
      )
    }
  })

  it('RVK-07 makes a full store refuse, not forget [attack 86]', () => {
    const store = memoryRevocationStore({ maxEntries: 1, clock })
    void store.add({ ids: [alice.did], expiration: never })
    void store.add({ ids: [alice.did], expiration: never })
    expect(() => store.add({ ids: [bob.did], expiration: never })).toThrow(StoreFullError)
    expect(() => store.add({ ids: [alice.did], revoker: bob.did, expiration: never })).toThrow(StoreFullError)
  })

  it('RVK-07 OPS-21 makes a full store look for expired entries in parts, and all of them in a few additions', () => {
    let time = now
    const size = 25_000
    const store = memoryRevocationStore({ maxEntries: size, clock: { now: () => time } })
    for (let serial = 0; serial < size; serial++) {
      void store.add({ ids: [`did:web:${serial}.example`], expiration: serial === size - 1 ? now : never })
    }
    time += 1_000
    const add = (): string => {
      try {
        void store.add({ ids: ['did:web:new.example'], expiration: never })
        return 'added'
      } catch (error) {
        return (error as Error).name
      }
    }
    expect([add(), add(), add(), add()]).toEqual(['StoreFullError', 'StoreFullError', 'added', 'added'])
    expect(store.size).toBe(size)
    expect(() => store.add({ ids: ['did:web:other.example'], expiration: never })).toThrow(StoreFullError)
  })

  it('RVK-05 RVK-07 finds every one of thousands of revocations, also after all of them were replaced by others', async () => {
    let time = now
    const size = 3_000
    const store = memoryRevocationStore({ maxEntries: size, clock: { now: () => time } })
    const nameOf = (serial: number): string => `did:web:issuer.example:${serial}-${(serial * 7_919) % 10_007}`
    const isFound = async (serial: number): Promise<boolean> =>
      (await store.findRevocations([nameOf(serial)], {})).length > 0
    for (let turn = 0; turn < 4; turn++) {
      const first = turn * size
      for (let serial = first; serial < first + size; serial++)
        void store.add({ ids: [nameOf(serial)], expiration: time + 600 })
      const wrong: number[] = []
      for (let serial = 0; serial < 6 * size; serial++)
        if ((await isFound(serial)) !== (serial >= first && serial < first + size)) wrong.push(serial)
      expect(wrong).toEqual([])
      time += 1_000
    }
  })

  it('RVK-07 is found by a full store at the usual cost: it does not look at all entries for each refused one', () => {
    const [room, more] = [20_000, 5_000]
    const store = memoryRevocationStore({ maxEntries: room, clock })
    const timed = (first: number, last: number, task: (id: string) => void): number => {
      const started = performance.now()
      for (let index = first; index < last; index++) task(`did:web:a${index}.example`)
      return performance.now() - started
    }
    const filled = timed(0, room, (id) => void store.add({ ids: [id], expiration: now + 600 }))
    let full = 0
    const refused = timed(room, room + more, (id) => {
      try {
        void store.add({ ids: [id], expiration: now + 600 })
      } catch {
        full += 1
      }
    })
    expect(full).toBe(more)
    // Looking at all entries for each takes many times as long as adding them took.
    expect(refused).toBeLessThan(4 * filled)
  })

  it('RVK-13 is unknown when the clock goes back to a time whose revocations the memory store has forgotten', async () => {
    let time = now
    const store = memoryRevocationStore({ maxEntries: 1, clock: { now: () => time } })
    await store.add({ ids: [String(second.cid)], expiration: now + 600 })
    time = now + 901
    await store.add({ ids: [mallory.did], expiration: never })
    expect(store.findRevocations([mallory.did], {})).toEqual([{ id: mallory.did }])
    time = now + 300
    expect(() => store.findRevocations([String(second.cid)], {})).toThrow(StoreError)
    const container = encodeContainer([await call({ issuer: dan, proofs }), ...proofs])
    const decision = await createService({ revocations: store }).authorize(container)
    expect(verdict(decision)).toBe('revocation_unknown at container RVK-06')
  })

  it('RVK-10 counts whichever way the CID is written [attack 41]', async () => {
    const { bytes } = second.cid
    const spellings = [base32.encode(bytes), `z${encodeBase58btc(bytes)}`, `f${encodeHex(bytes)}`]
    expect(spellings[0]).toBe(String(second.cid))
    for (const text of spellings) {
      const revocations = memoryRevocationStore({ maxEntries: 1, clock })
      await revocations.add({ ids: [text], expiration: never })
      await revocations.add({ ids: spellings, expiration: never })
      const authorizer = createService({ revocations })
      const container = encodeContainer([await call({ issuer: dan, proofs }), ...proofs])
      expect(verdict(await authorizer.authorize(container)), text).toBe('revoked at 1 RVK-05')
      expect(revocations.findRevocations(spellings, {})).toEqual(spellings.map((id) => ({ id })))
    }
  })

  it('RVK-10 is refused by the memory store when it names nothing that a chain can have [attack 41]', async () => {
    const text = String(second.cid)
    const raw = Uint8Array.from(second.cid.bytes)
    raw[1] = 0x55
    const nonsense = [
      ...['', 'nonsense', ` ${text}`, `${text} `, text.toUpperCase(), text.slice(0, -1), `${text}a`, text.slice(1)],
      ...[`${text.slice(0, -1)}b`, `${text.slice(0, 7)}z${text.slice(8)}`, base32.encode(raw)],
      ...[`${bob.did}#${bob.did.slice(8)}`, `${bob.did}/`, `${bob.did} `, bob.did.toUpperCase(), 'did:key:z6Mk'],
      ...[null, undefined, 5, second.cid],
    ]
    const store = memoryRevocationStore({ clock })
    void store.add({ ids: [String(first.cid)], expiration: never })
    for (const id of nonsense) {
      expect(() => store.add({ ids: [text, id as string], expiration: never }), String(id)).toThrow(ArgumentError)
      expect(() => store.findRevocations([id as string], {}), String(id)).toThrow(ArgumentError)
    }
    expect(() => store.add({ ids: [], expiration: never })).toThrow(ArgumentError)
    expect(() => store.add({ ids: [text], revoker: `${bob.did}#a` as Did, expiration: never })).toThrow(ArgumentError)
    expect(store.findRevocations([text], {})).toEqual([])
  })

  it('RVK-10 is looked up by texts that any store can keep: base32 and DIDs', async () => {
    const asked: string[] = []
    const findRevocations = (ids: readonly string[]) => {
      asked.push(...ids)
      return []
    }
    for (const algorithm of ['Ed25519', 'ES256'] as const) {
      const issuer = await actor('alice', algorithm)
      const chain = await chainOf(issuer, bob)
      const container = encodeContainer([await call({ issuer: bob, proofs: chain }), ...chain])
      expect(verdict(await createService({ revocations: { findRevocations } }).authorize(container))).toBe('allowed')
    }
    expect(asked).toHaveLength(7)
    for (const id of asked) expect(id).toBe(id.startsWith('did:') ? parseDid(id) : String(parseTokenCid(id)))
  })
})
