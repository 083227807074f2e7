import { describe, expect, it } from 'vitest'
import { approve } from '../../src/approval/approve.ts'
import { requestApproval } from '../../src/approval/request-approval.ts'
import { withApproval } from '../../src/approval/with-approval.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { type ApprovalRule, defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like, maxUses } from '../../src/core/capability/policy/build.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { twinSignature } from '../../src/core/principal/signature.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { storesTogether } from '../stores/stores-together.ts'
import { actor, clock, now } from '../support/actors.ts'
import { present } from '../support/present.ts'
import { call, createService, service, serviceOptions, verdict } from '../support/service.ts'
import { agent, mallory, owner, receivedRequest } from './cast.ts'

const pay = defineCommand({ command: '/mail/send', args: { to: text() } })
const [ann, bob, cleo] = await Promise.all([actor('ann'), actor('bob', 'ES256'), actor('cleo')])
const args: IpldMap = { to: 'bob@example.com' }
/** The agent has the authority. The approvals are required besides. */
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail/send', expiration: now + 3_000 })
const rule: ApprovalRule = { approvers: [ann.did, bob.did, cleo.did], threshold: 2 }

const grants = new Map(
  await Promise.all(
    [ann, bob, cleo, mallory, agent].map(
      async (one) =>
        [
          one.did,
          await delegate({ issuer: owner, audience: one.did, command: '/mail', expiration: now + 9_000 }),
        ] as const,
    ),
  ),
)
const grantOf = (one: Signer): Delegation => grants.get(one.did) as Delegation

/** An approval, as the approver makes it. */
async function approval(issuer: Signer, given: IpldMap = args): Promise<Delegation> {
  const invocation = await call({ issuer: agent, subject: owner.did, args: given })
  const sent = await requestApproval({ approvable: true }, { issuer: agent, approver: issuer.did, invocation, clock })
  const request = await receivedRequest(sent)
  return (await approve(request, { issuer, proofs: [grantOf(issuer)], clock })).delegation
}

/** A delegation that an approver could sign by hand. */
const handmade = (issuer: Signer, change: object = {}): Promise<Delegation> =>
  attenuate(grantOf(issuer), {
    ...{ issuer, audience: agent.did, command: '/mail/send', expiration: now + 600 },
    ...{ policy: [eq('.', args), maxUses(1)] },
    ...change,
  })

function paying(change: object = {}): Authorizer {
  const options = { commands: [{ ...pay, approvals: rule }], limitStore: memoryLimitStore({ clock }) }
  return createService(present({ ...options, ...change }))
}

async function ask(authorizer: Authorizer, approvals: readonly Delegation[], given: IpldMap = args): Promise<string> {
  const invocation = await call({ issuer: agent, args: given, proofs: [grant] })
  return verdict(await authorizer.authorize(encodeContainer([invocation, grant, ...approvals])))
}

const [byAnn, byBob] = [await approval(ann), await approval(bob)]

describe('a command that needs approvals', () => {
  it.each([true, false])(
    'APR-60 leaves a refused call unused, so that it can be sent with its approvals (together: %s)',
    async (together) => {
      const { stores, questions } = storesTogether()
      const { callStore, ...apart } = stores
      const authorizer = paying({ ...apart, ...(together && { callStore }) })
      const invocation = await call({ issuer: agent, args, proofs: [grant] })
      const send = async (...approvals: readonly Delegation[]): Promise<string> =>
        verdict(await authorizer.authorize(encodeContainer([invocation, grant, ...approvals])))
      expect(await send()).toBe('policy_unsatisfied at 1 APR-60')
      expect(await send(byAnn)).toBe('policy_unsatisfied at 1 APR-60')
      expect([stores.replay.size, stores.limitStore.size, questions.length]).toEqual([0, 0, 0])
      expect(await send(byAnn, byBob)).toBe('allowed')
      expect(await send(byAnn, byBob)).toBe('replayed at 1 RPL-01')
    },
  )

  it('APR-60 is allowed with enough of them, and refused with fewer', async () => {
    await expect(ask(paying(), [])).resolves.toBe('policy_unsatisfied at 1 APR-60')
    await expect(ask(paying(), [byAnn])).resolves.toBe('policy_unsatisfied at 1 APR-60')
    await expect(ask(paying(), [byAnn, byBob])).resolves.toBe('allowed')
    await expect(ask(paying(), [byAnn, byBob, await approval(cleo)])).resolves.toBe('allowed')
    const { denial } = (await paying().authorize(
      encodeContainer([await call({ issuer: agent, args, proofs: [grant] }), grant, byAnn]),
    )) as { denial: { message: string; approvable: object } }
    expect(denial.message).toContain('needs approvals by 2 of 3 approvers, and the call has 1')
    expect(denial.approvable).toEqual({ audience: agent.did, subject: owner.did, command: '/mail/send' })
  })

  it('APR-60 counts an approval in the chain as well, and needs the chain besides the approvals', async () => {
    const chain = [grantOf(ann), byAnn]
    const invocation = await call({ issuer: agent, args, proofs: chain })
    const decide = async (tokens: readonly Delegation[]): Promise<string> =>
      verdict(await paying().authorize(encodeContainer([invocation, ...tokens])))
    await expect(decide([...chain, byBob])).resolves.toBe('allowed')
    await expect(decide(chain)).resolves.toBe('policy_unsatisfied at 2 APR-60')
    const bare = await call({ issuer: agent, subject: owner.did, args })
    const without = await paying().authorize(encodeContainer([bare, byAnn, byBob]))
    expect(verdict(without)).toBe('root_not_subject at 0 PRF-02')
  })

  it('CTN-12 APR-60 counts the approvals that were sent, though the caller uses the memory for other bytes meanwhile', async () => {
    const invocation = await call({ issuer: agent, args, proofs: [grant] })
    const others = await Promise.all([ann, bob].map((one) => approval(one, { to: 'eve@example.com' })))
    const approved = encodeContainerBytes([invocation, grant, byAnn, byBob])
    // Of the same length, with approvals of another call.
    const unapproved = encodeContainerBytes([invocation, grant, ...others])
    expect(unapproved).toHaveLength(approved.length)
    const decide = async (sent: Uint8Array, later: Uint8Array): Promise<string> => {
      const memory = new Uint8Array(sent)
      const decision = paying().authorize(memory)
      memory.set(later)
      return verdict(await decision)
    }
    await expect(decide(approved, unapproved)).resolves.toBe('allowed')
    await expect(decide(unapproved, approved)).resolves.toBe('policy_unsatisfied at 1 APR-60')
  })

  it('APR-61 counts each approver once: two approvals, two signatures, a DID that is listed twice', async () => {
    await expect(ask(paying(), [byBob, await approval(bob)])).resolves.toBe('policy_unsatisfied at 1 APR-60')
    const signature = twinSignature('ES256', byBob.bytes.subarray(3, 67)) as Uint8Array
    const bytes = new Uint8Array(byBob.bytes)
    bytes.set(signature, 3)
    const twin = await decodeDelegation(bytes)
    await expect(ask(paying(), [byBob, twin])).resolves.toBe('policy_unsatisfied at 1 APR-60')
    await expect(ask(paying(), [byAnn, twin])).resolves.toBe('allowed')
    const twice = { ...pay, approvals: { approvers: [ann.did, ann.did, bob.did], threshold: 2 } }
    await expect(ask(paying({ commands: [twice] }), [byAnn])).resolves.toBe('policy_unsatisfied at 1 APR-60')
  })

  it('APR-61 does not count an approver who is not listed, and not the agent itself', async () => {
    await expect(ask(paying(), [byAnn, await handmade(mallory)])).resolves.toBe('policy_unsatisfied at 1 APR-60')
    const own = { ...pay, approvals: { approvers: [ann.did, agent.did], threshold: 2 } }
    const byAgent = await handmade(agent)
    await expect(ask(paying({ commands: [own] }), [byAnn, byAgent])).resolves.toBe('policy_unsatisfied at 1 APR-60')
  })

  it('APR-61 counts an approval of this call only', async () => {
    await expect(ask(paying(), [byAnn, byBob], { to: 'mallory@example.com' })).resolves.toMatch(/APR-60/)
    const others: readonly object[] = [
      { audience: mallory.did },
      { command: '/mail' },
      { policy: [] },
      { policy: [maxUses(1)] },
      { policy: [eq('.', args)] },
      { policy: [eq('.', args), maxUses(2)] },
      { policy: [eq('.', args), maxUses(1, 'did:web:other.example')] },
      { policy: [like('.to', 'bob@*'), maxUses(1)] },
      { policy: [eq('.to', 'bob@example.com'), maxUses(1)] },
      { policy: [eq('.', { ...args, more: 1 }), maxUses(1)] },
      { policy: [eq('.', args), eq('.to', 'x'), maxUses(1)] },
      { expiration: now + 3_661 },
      { notBefore: now + 61 },
    ]
    for (const change of others)
      expect.soft(await ask(paying(), [byAnn, await handmade(bob, change)]), JSON.stringify(change)).toMatch(/APR-60/)
    const subjects: readonly (string | typeof anySubject)[] = [bob.did, anySubject]
    for (const subject of subjects) {
      const about = await delegate({
        ...{ issuer: bob, subject, audience: agent.did, command: '/mail/send', expiration: now + 600 },
        policy: [eq('.', args), maxUses(1)],
      })
      expect.soft(await ask(paying(), [byAnn, about]), String(subject)).toMatch(/APR-60/)
    }
    await expect(ask(paying(), [byAnn, await handmade(bob)])).resolves.toBe('allowed')
  })

  it('APR-61 does not count an approval that has expired, is forged or is revoked', async () => {
    const later = { now: () => now + 661 }
    const invocation = await call({ issuer: agent, args, proofs: [grant], expiration: now + 720 })
    const late = paying({ clock: later, limitStore: memoryLimitStore({ clock: later }) })
    const container = encodeContainer([invocation, grant, byAnn, byBob])
    expect(verdict(await late.authorize(container))).toBe('policy_unsatisfied at 1 APR-60')
    const bytes = new Uint8Array(byBob.bytes)
    bytes[10] = (bytes[10] as number) ^ 1
    await expect(ask(paying(), [byAnn, await decodeDelegation(bytes)])).resolves.toMatch(/APR-60/)
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: [String(byBob.cid)], revoker: bob.did, expiration: byBob.expiration })
    await expect(ask(paying({ revocations }), [byAnn, byBob])).resolves.toMatch(/APR-60/)
    await expect(ask(paying({ revocations }), [byAnn, byBob, await approval(cleo)])).resolves.toBe('allowed')
  })

  it('APR-61 counts no approval of which the store cannot tell whether it is revoked, and uses nothing up [attack 22]', async () => {
    let isAway = true
    const authorizer = paying({
      revocations: {
        findRevocations: (ids: readonly string[]) => {
          if (isAway && ids.includes(String(byBob.cid))) throw new Error('the store is away')
          return []
        },
      },
    })
    await expect(ask(authorizer, [byAnn, byBob])).resolves.toMatch(/^revocation_unknown .*RVK-06$/)
    isAway = false
    await expect(ask(authorizer, [byAnn, byBob])).resolves.toBe('allowed')
  })

  it('APR-62 uses each approval once, and no approval when one of them was used', async () => {
    const authorizer = paying()
    await expect(ask(authorizer, [byAnn, byBob])).resolves.toBe('allowed')
    await expect(ask(authorizer, [byAnn, byBob])).resolves.toBe('limit_exhausted at 1 LMT-12')
    const byCleo = await approval(cleo)
    await expect(ask(authorizer, [byCleo, byBob])).resolves.toBe('limit_exhausted at 1 LMT-12')
    await expect(ask(authorizer, [byCleo, await approval(ann)])).resolves.toBe('allowed')
  })

  it('APR-63 is refused at the start when it could never be met', () => {
    const make = (approvals: unknown) => () => paying({ commands: [{ ...pay, approvals }] })
    expect(make({ approvers: [], threshold: 1 })).toThrow('`approvers` must be a non-empty array')
    expect(make({ approvers: [ann.did], threshold: 2 })).toThrow('at least as many different `approvers`')
    expect(make({ approvers: [ann.did, ann.did], threshold: 2 })).toThrow('at least as many different `approvers`')
    expect(make({ approvers: [ann.did], threshold: 0 })).toThrow('`threshold` must be an integer >= 1')
    expect(make({ approvers: ['ann'], threshold: 1 })).toThrow('is not a DID')
    expect(make({ approver: [ann.did], threshold: 1 })).toThrow('did you mean `approvers`')
    for (const misspelled of ['approval', 'aprovals', 'Approvals'])
      expect(() => paying({ commands: [{ ...pay, [misspelled]: rule }] })).toThrow('did you mean `approvals`?')
    expect(() => paying({ limitStore: undefined })).toThrow('requires a `limitStore`')
  })

  it('is checked by a guard, and again when an approval is revoked before the release', async () => {
    const revocations = memoryRevocationStore({ clock })
    const {
      commands: _,
      onError: __,
      ...options
    } = serviceOptions({
      revocations,
      limitStore: memoryLimitStore({ clock }),
    })
    const guard = createGuard({
      ...options,
      commands: [{ ...pay, approvals: rule }],
      audit: { sink: memoryAuditSink() },
    })
    const invocation = await call({ issuer: agent, args, proofs: [grant] })
    const result = await guard.use(encodeContainer([invocation, grant, byAnn, byBob]), () => 'paid')
    expect(result.allowed && result.value).toBe('paid')
    await guard.close()
    const authorizer = paying({ revocations })
    const decision = await authorizer.authorize(encodeContainer([invocation, grant, byAnn, byBob]))
    if (!decision.allowed) throw new Error(decision.denial.message)
    await expect(authorizer.recheck(decision.authorization)).resolves.toBe(true)
    await revocations.add({ ids: [String(byBob.cid)], revoker: bob.did, expiration: byBob.expiration })
    await expect(authorizer.recheck(decision.authorization)).resolves.toBe(false)
  })

  it('is called by withApproval, which collects the approvals', async () => {
    const authorizer = paying()
    const people = new Map([ann, bob, cleo].map((one) => [one.did as string, one]))
    const result = await withApproval<Decision>({
      call: { issuer: agent, audience: service.did, command: '/mail/send', args, proofs: [grant], clock },
      approvers: rule.approvers,
      threshold: 2,
      send: (container) => authorizer.authorize(container),
      ask: async (request) => {
        const issuer = people.get(request.approver) as Signer
        if (issuer === ann) return undefined
        const received = await receivedRequest(request)
        return (await approve(received, { issuer, proofs: [grantOf(issuer)], clock })).container
      },
    })
    expect(result.allowed).toBe(true)
  })
})
