import { describe, expect, it } from 'vitest'
import { approve } from '../../src/approval/approve.ts'
import { readApprovalAnswer } from '../../src/approval/read-answer.ts'
import { refuse } from '../../src/approval/refuse.ts'
import type { ReceivedRequest } from '../../src/approval/request.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { twinSignature } from '../../src/core/principal/signature.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService, delegateRaw, service } from '../support/service.ts'
import { agent, attenuate, mallory, narrow, owner, receivedRequest, refusedCall, sentRequest, tryCall } from './cast.ts'

const args: IpldMap = { to: 'bob@example.com', subject: 'Report' }

/** The same token with the other valid signature: `s` replaced by `n - s`. */
function twinOf(bytes: Uint8Array): Uint8Array {
  // The signature is the first member of the envelope: an array of two, and a byte string of 64.
  const signature = twinSignature('ES256', bytes.subarray(3, 67))
  if (signature === undefined) throw new Error('there is no other signature')
  const twin = new Uint8Array(bytes)
  twin.set(signature, 3)
  return twin
}

/** The same delegation with a signature by nobody. */
async function unsigned({ bytes }: Delegation): Promise<Delegation> {
  const forged = new Uint8Array(bytes)
  forged.set(new Uint8Array(32).fill(1), 3 + 8)
  return decodeDelegation(forged)
}

/** An approval by the owner, and the chain of it. */
async function approved(change: object = {}): Promise<Awaited<ReturnType<typeof approve>>> {
  return approve(await receivedRequest(await sentRequest({ args })), { issuer: owner, clock, ...change })
}

describe('approve', () => {
  it('APR-20 permits the call: its command, with its arguments, by this agent', async () => {
    const { delegation } = await approved()
    expect(delegation).toMatchObject({
      issuer: owner.did,
      audience: agent.did,
      subject: owner.did,
      command: '/mail/send',
      policy: [
        ['==', '.', args],
        ['limit/uses', 1, service.did],
      ],
    })
    await expect(tryCall([narrow], args)).resolves.toBe('policy_unsatisfied')
    await expect(tryCall([delegation], args)).resolves.toBe('allowed')
  })

  it('APR-20 permits no other arguments: changed, more, fewer, another type or another order of a list', async () => {
    const all: IpldMap = { to: ['a', 'b'], n: 1, deep: { x: { y: 'z' } }, raw: Uint8Array.of(1, 2), none: null }
    const { delegation } = await approve(await receivedRequest(await sentRequest({ args: all })), {
      issuer: owner,
      clock,
    })
    await expect(tryCall([delegation], all)).resolves.toBe('allowed')
    const others: readonly IpldMap[] = [
      {},
      { ...all, more: 1 },
      { ...all, more: null },
      { ...all, to: ['b', 'a'] },
      { ...all, to: ['a', 'b', 'c'] },
      { ...all, n: 2 },
      { ...all, n: '1' },
      { ...all, deep: { x: { y: 'z', w: null } } },
      { ...all, deep: {} },
      { ...all, raw: Uint8Array.of(1, 2, 0) },
      { ...all, none: false },
      Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'none')),
    ]
    for (const changed of others) await expect.soft(tryCall([delegation], changed)).resolves.toBe('policy_unsatisfied')
  })

  it('APR-20 permits a call without arguments, and then no arguments', async () => {
    const { delegation } = await approve(await receivedRequest(await sentRequest({ args: {} })), {
      issuer: owner,
      clock,
    })
    await expect(tryCall([delegation], {})).resolves.toBe('allowed')
    await expect(tryCall([delegation], { to: 'bob' })).resolves.toBe('policy_unsatisfied')
  })

  it('APR-20 permits no other agent, no other command, and no call after its end', async () => {
    const { delegation } = await approved()
    await expect(tryCall([delegation], args, { issuer: mallory })).resolves.toBe('principal_misaligned')
    await expect(tryCall([delegation], args, { command: '/mail' })).resolves.toBe('command_not_covered')
    await expect(tryCall([delegation], args, { command: '/mail/read' })).resolves.toBe('command_not_covered')
    await expect(tryCall([delegation], args, { at: now + 660 })).resolves.toBe('allowed')
    await expect(tryCall([delegation], args, { at: now + 661 })).resolves.toBe('expired')
  })

  it('APR-27 permits one call, by a service that counts; one that does not refuses it', async () => {
    const { delegation } = await approved()
    const limitStore = memoryLimitStore({ clock })
    await expect(tryCall([delegation], args, { limitStore })).resolves.toBe('allowed')
    await expect(tryCall([delegation], args, { limitStore })).resolves.toBe('limit_exhausted')
    await expect(tryCall([delegation], args, { limitStore: undefined })).resolves.toBe('limit_unsupported')
    const passed = await attenuate(delegation, { issuer: agent, audience: mallory.did, clock, expiresIn: 60 })
    const sub = await tryCall([delegation, passed], args, { limitStore, issuer: mallory })
    expect(sub).toBe('limit_exhausted')
  })

  it('APR-27 permits no call to another service, also one that accepts the same commands of the same owner', async () => {
    const { delegation } = await approved()
    const invocation = await call({ issuer: agent, args, proofs: [delegation], audience: 'did:web:other.example' })
    const other = createService({ audience: 'did:web:other.example', limitStore: memoryLimitStore({ clock }) })
    const decision = await other.authorize(encodeContainer([invocation, delegation]))
    expect(decision).toMatchObject({ allowed: false, denial: { code: 'policy_unsatisfied', requirement: 'LMT-19' } })
  })

  it('APR-27 permits one call for two copies of a request, also with the other ECDSA signature', async () => {
    const approver = await actor('ecdsa owner', 'ES256')
    const grant = await delegate({ issuer: owner, audience: approver.did, command: '/mail', clock })
    const sent = await sentRequest({ args, approver: approver.did })
    const answer = { issuer: approver, proofs: [grant], clock }
    const one = (await approve(await receivedRequest(sent), answer)).delegation
    const two = (await approve(await receivedRequest(sent), answer)).delegation
    const twin = await decodeDelegation(twinOf(one.bytes))
    expect(String(twin.cid)).not.toBe(String(one.cid))
    const limitStore = memoryLimitStore({ clock })
    await expect(tryCall([grant, one], args, { limitStore })).resolves.toBe('allowed')
    for (const copy of [one, two, twin])
      await expect.soft(tryCall([grant, copy], args, { limitStore })).resolves.toBe('limit_exhausted')
  })

  it('APR-27 permits any number of calls when the approver chooses that', async () => {
    const { delegation } = await approved({ repeatable: true })
    expect(delegation.policy).toEqual([['==', '.', args]])
    for (let times = 0; times < 3; times++)
      await expect(tryCall([delegation], args, { limitStore: undefined })).resolves.toBe('allowed')
  })

  it('APR-21 makes the same delegation of the same request, however often it is read', async () => {
    const sent = await sentRequest({ args })
    const one = await approve(await receivedRequest(sent), { issuer: owner, clock })
    const two = await approve(await receivedRequest(sent), { issuer: owner, clock })
    expect(String(two.delegation.cid)).toBe(String(one.delegation.cid))
    const other = await approve(await receivedRequest(await sentRequest({ args })), { issuer: owner, clock })
    expect(String(other.delegation.cid)).not.toBe(String(one.delegation.cid))
    expect(one.delegation.meta).toEqual({ request: sent.cid, service: sent.service })
  })

  it('APR-21 makes another delegation of the same request at another time if `expiresIn` shortens it', async () => {
    const sent = await sentRequest()
    const later = { now: () => now + 1 }
    const [one, same, other] = [
      await approve(await receivedRequest(sent), { issuer: owner, clock, expiresIn: 60 }),
      await approve(await receivedRequest(sent), { issuer: owner, clock, expiresIn: 60 }),
      await approve(await receivedRequest(sent), { issuer: owner, clock: later, expiresIn: 60 }),
    ]
    expect(same.container).toBe(one.container)
    expect(other.container).not.toBe(one.container)
    expect(other.delegation.nonce).toEqual(one.delegation.nonce)
  })

  it('APR-22 ends with the request, with the proofs, or sooner', async () => {
    expect((await approved()).delegation.expiration).toBe(now + 600)
    expect((await approved({ expiresIn: 30 })).delegation.expiration).toBe(now + 30)
    expect((await approved({ expiresIn: 3_000 })).delegation.expiration).toBe(now + 600)
    const manager = await actor('manager')
    const grant = await delegate({ issuer: owner, audience: manager.did, command: '/mail', expiration: now + 120 })
    const request = await receivedRequest(await sentRequest({ args, approver: manager.did }))
    const { delegation } = await approve(request, { issuer: manager, proofs: [grant], clock })
    expect(delegation.expiration).toBe(now + 120)
    await expect(tryCall([grant, delegation], args)).resolves.toBe('allowed')
  })

  it('APR-23 refuses to sign without the authority, and for a call that the proofs do not permit', async () => {
    const manager = await actor('manager')
    const open = { issuer: owner, audience: manager.did, clock }
    const other = await delegate({ issuer: mallory, audience: manager.did, command: '/mail', clock })
    const strict = await delegate({ ...open, command: '/mail', policy: [like('.to', '*@example.org')] })
    const elsewhere = await delegate({ ...open, command: '/files' })
    const foreign = await delegate({ issuer: owner, audience: mallory.did, command: '/mail', clock })
    const asked = async (proofs: object): Promise<unknown> => {
      const request = await receivedRequest(await sentRequest({ args, approver: manager.did }))
      return approve(request, { issuer: manager, clock, ...proofs })
    }
    await expect(asked({})).rejects.toThrow('pass as `proofs` the chain that leads from it')
    await expect(asked({ proofs: [other] })).rejects.toThrow('pass as `proofs` the chain that leads from it')
    await expect(asked({ proofs: [strict] })).rejects.toThrow('proof 1 of 1 does not permit these arguments')
    await expect(asked({ proofs: [elsewhere] })).rejects.toThrow('does not cover')
    await expect(asked({ proofs: [foreign] })).rejects.toThrow('cannot pass it on')
  })

  it('APR-24 takes a request that was verified, and answers it once', async () => {
    const request = await receivedRequest(await sentRequest({ args }))
    const forged: readonly object[] = [
      {},
      { ...request, args: { to: 'mallory@example.com' } },
      { ...request, agent: mallory.did },
      { ...request, command: '/mail' },
      { ...request, expiration: now + 100_000 },
      { ...request, subject: mallory.did },
      { ...request, service: mallory.did },
      { ...request, authorization: { ...request.authorization } },
    ]
    for (const one of forged) {
      const answer = approve(one as ReceivedRequest, { issuer: owner, clock })
      await expect.soft(answer).rejects.toThrow('a request that `readApprovalRequest` returned')
    }
    await expect(approve(request, { issuer: mallory, clock })).rejects.toThrow('is addressed to')
    await approve(request, { issuer: owner, clock })
    await expect(approve(request, { issuer: owner, clock })).rejects.toThrow('already used')
    await expect(refuse(request, { issuer: owner, clock })).rejects.toThrow('already used')
  })

  it('APR-24 answers the request that was signed, also for an object whose fields change after they were compared', async () => {
    const genuine = await receivedRequest(await sentRequest({ args }))
    const changing = (): ReceivedRequest => {
      const reads = new Map<string, number>()
      const others: Readonly<Record<string, unknown>> = { agent: mallory.did, args: { to: 'eve' }, cid: narrow.cid }
      return new Proxy(
        { ...genuine },
        {
          get(target, name) {
            const count = (reads.get(String(name)) ?? 0) + 1
            reads.set(String(name), count)
            return count > 1 && String(name) in others ? others[String(name)] : Reflect.get(target, name)
          },
        },
      )
    }
    const { delegation } = await approve(changing(), { issuer: owner, clock })
    expect(delegation).toMatchObject({ audience: agent.did, meta: { request: genuine.cid } })
    expect(delegation.policy[0]).toEqual(['==', '.', args])
  })

  it('APR-24 does not answer a request that has expired', async () => {
    const request = await receivedRequest(await sentRequest({ args }))
    await expect(approve(request, { issuer: owner, clock: { now: () => now + 700 } })).rejects.toThrow('expired')
  })

  it('is for the arguments that were signed, whatever the agent does with its objects', async () => {
    const mutable = { to: ['bob@example.com'] }
    const sent = await sentRequest({ args: mutable })
    mutable.to[0] = 'mallory@example.com'
    const { delegation } = await approve(await receivedRequest(sent), { issuer: owner, clock })
    expect(delegation.policy[0]).toEqual(['==', '.', { to: ['bob@example.com'] }])
  })
})

describe('readApprovalAnswer', () => {
  it('APR-25 APR-26 reads an approval with its chain, and a refusal with its reason', async () => {
    const manager = await actor('manager')
    const grant = await delegate({ issuer: owner, audience: manager.did, command: '/mail', clock })
    const sent = await sentRequest({ args, approver: manager.did })
    const { container, delegation } = await approve(await receivedRequest(sent), {
      ...{ issuer: manager, proofs: [grant], clock },
    })
    const answer = await readApprovalAnswer(container, { request: sent, clock })
    expect(answer).toMatchObject({ answer: 'approved', approval: { cid: delegation.cid } })
    if (answer.answer !== 'approved') throw new Error('not approved')
    await expect(tryCall(answer.proofs, args)).resolves.toBe('allowed')
    const no = await refuse(await receivedRequest(sent), { issuer: manager, clock, reason: 'not today' })
    await expect(readApprovalAnswer(no, { request: sent, clock })).resolves.toEqual({
      answer: 'refused',
      reason: 'not today',
    })
  })

  it('CTN-12 APR-25 reads the refusal that was passed, though the caller uses its memory for something else meanwhile', async () => {
    const sent = await sentRequest({ args })
    const no = await refuse(await receivedRequest(sent), { issuer: owner, clock })
    const memory = new TextEncoder().encode(no)
    const answer = readApprovalAnswer(memory, { request: sent, clock })
    memory.fill(0x5a)
    await expect(answer).resolves.toEqual({ answer: 'refused' })
  })

  it('APR-25 does not accept a refusal of another request, by another principal, or for another agent', async () => {
    const sent = await sentRequest({ args })
    const said = async (container: string): Promise<string> =>
      (await readApprovalAnswer(container, { request: sent, clock })).answer
    const other = await refuse(await receivedRequest(await sentRequest({ args })), { issuer: owner, clock })
    await expect(said(other)).resolves.toBe('invalid')
    const forge = async (issuer: typeof owner, audience: string): Promise<string> =>
      encodeContainer([
        await invoke({ issuer, audience, command: '/approval/refuse', args: { request: String(sent.cid) }, clock }),
      ])
    await expect(forge(mallory, agent.did).then(said)).resolves.toBe('invalid')
    await expect(forge(owner, mallory.did).then(said)).resolves.toBe('invalid')
    await expect(forge(owner, agent.did).then(said)).resolves.toBe('refused')
  })

  it('APR-26 does not accept an approval that the approver has not signed, or whose chain nobody has signed', async () => {
    const request = await sentRequest({ args })
    const { delegation } = await approve(await receivedRequest(request), { issuer: owner, clock })
    const read = async (...tokens: readonly Delegation[]) =>
      readApprovalAnswer(encodeContainer(tokens), { request, clock })
    expect(await read(delegation)).toMatchObject({ answer: 'approved' })
    expect(await read(await unsigned(delegation))).toMatchObject({ answer: 'invalid' })
    const manager = await actor('manager')
    const asked = await sentRequest({ args, approver: manager.did })
    const grant = await delegate({ issuer: owner, audience: manager.did, command: '/mail', clock })
    const passed = await approve(await receivedRequest(asked), { issuer: manager, proofs: [grant], clock })
    const readChain = async (...tokens: readonly Delegation[]) =>
      readApprovalAnswer(encodeContainer(tokens), { request: asked, clock })
    expect(await readChain(grant, passed.delegation)).toMatchObject({ answer: 'approved' })
    expect(await readChain(await unsigned(grant), passed.delegation)).toMatchObject({ answer: 'invalid' })
  })

  it('APR-26 answers to as many delegations as a container can have', async () => {
    const hub = await actor('hub')
    const request = await sentRequest({ args, approver: hub.did })
    const many = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        delegateRaw(hub, index < 32 ? agent : hub, { subject: owner.did, command: '/mail/send' }),
      ),
    )
    const answer = await readApprovalAnswer(encodeContainer(many), { request, clock })
    expect(answer).toEqual({ answer: 'invalid', message: 'the delegations of the answer do not permit the call' })
  })

  it('APR-26 does not accept a delegation of something else, or bytes of something else', async () => {
    const sent = await sentRequest({ args })
    const said = async (container: string | Uint8Array): Promise<string> =>
      (await readApprovalAnswer(container, { request: sent, clock })).answer
    await expect(said(encodeContainer([narrow]))).resolves.toBe('invalid')
    const { delegation } = await approved({})
    const passed = await attenuate(delegation, { issuer: agent, audience: mallory.did, clock })
    await expect(said(encodeContainer([passed]))).resolves.toBe('invalid')
    await expect(said(encodeContainer([await refusedCall()]))).resolves.toBe('invalid')
    for (const bytes of ['', 'no', new Uint8Array(3)]) await expect.soft(said(bytes)).resolves.toBe('invalid')
  })
})
