import { describe, expect, it, vi } from 'vitest'
import type { AgentCeilings, DelegationRecord } from '../../src/agent/agent.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { createLedger } from '../../src/audit/ledger/create-ledger.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like } from '../../src/core/capability/policy/build.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, encodeContainerBytes } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { type DelegateOptions, delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { memoryDelegationStore } from '../../src/core/proof/memory-delegation-store.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, AttenuationError } from '../../src/errors.ts'
import { never } from '../../src/time.ts'
import { hostileContainer } from '../fuzz/containers.ts'
import { randomOf, seedOf } from '../fuzz/random.ts'
import { inCi } from '../property/runs.ts'
import { actor, clock, now } from '../support/actors.ts'
import { errorOf } from '../support/error-of.ts'

const owner = await actor('owner')
const planner = await actor('planner')
const signer = await actor('agent')
const child = await actor('child')
const stranger = await actor('stranger')
const service = await actor('service')
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const toExample = [like('.to', '*@example.com')]
const grant = (options: Partial<DelegateOptions> = {}) =>
  delegate({ issuer: owner, audience: signer.did, command: '/mail', clock, ...options })
const names = (delegations: readonly Delegation[]): string[] => delegations.map(({ cid }) => String(cid))

describe('AGT-06 an agent receives only what it verified', () => {
  it('stores a chain, and describes its authority', async () => {
    const root = await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock, policy: toExample })
    const last = await attenuate(root, { issuer: planner, audience: signer.did, command: send, clock })
    const store = memoryDelegationStore()
    const agent = await openAgent({ signer, clock, store })
    const reception = await agent.receive(encodeContainer([last, root]))
    expect(reception).toMatchObject({ accepted: true, capabilities: [{ command: '/mail/send', subject: owner.did }] })
    expect(reception.accepted && reception.capabilities[0]?.conditions).toEqual([
      '`.to` is a string that ends with `"@example.com"`',
    ])
    // Another agent of the same store has it as well.
    const again = await openAgent({ signer, clock, store })
    expect((await again.can(send, { to: 'bob@example.com' })).ok).toBe(true)
  })

  it('CTN-12 reads the bytes that were passed, though the caller uses their memory for something else at once', async () => {
    const agent = await openAgent({ signer, clock })
    const memory = encodeContainerBytes([await grant()])
    const reception = agent.receive(memory)
    memory.fill(0x5a)
    expect(await reception).toMatchObject({ accepted: true })
  })

  it('completes a chain with what it holds, also below a delegation for every subject', async () => {
    const root = await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock })
    const all = await delegate({ issuer: planner, audience: signer.did, subject: anySubject, command: '/mail', clock })
    const agent = await openAgent({ signer, clock, delegations: [root] })
    expect(await agent.receive(encodeContainer([all]))).toMatchObject({ accepted: true })
    expect((await agent.can(send, { to: 'bob@example.com' })).ok).toBe(true)
  })

  it.each<[string, () => Promise<readonly { readonly bytes: Uint8Array }[]>, string]>([
    ['for another principal', async () => [await grant({ audience: child.did })], 'audience_mismatch'],
    ['beside one for it', async () => [await grant(), await grant({ audience: child.did })], 'audience_mismatch'],
    ['that has expired', async () => [await grant({ expiration: now - 900 })], 'expired'],
    ['that is not valid yet', async () => [await grant({ notBefore: now + 900 })], 'not_yet_valid'],
    ['without its chain', async () => [await tail()], 'root_not_subject'],
    ['with another signature', async () => [forged(await grant())], 'signature_invalid'],
    ['that is an invocation', async () => [await invoke({ issuer: owner, command: '/a', clock })], 'malformed'],
    ['that is no token', async () => [{ bytes: new Uint8Array([1, 2, 3]) }], 'malformed'],
  ])('refuses a delegation %s, and stores nothing', async (_, tokens, code) => {
    const store = memoryDelegationStore()
    const agent = await openAgent({ signer, clock, store })
    const reception = await agent.receive(encodeContainer(await tokens()))
    expect(reception).toMatchObject({ accepted: false, denial: { code } })
    expect(await store.load({})).toEqual([])
  })

  it('refuses any other bytes with a reason, and never throws', async () => {
    const store = memoryDelegationStore()
    const agent = await openAgent({ signer, clock, store })
    for (let turn = 0; turn < (inCi ? 2_000 : 200); turn++) {
      const container = hostileContainer(randomOf(seedOf(7, 'agent receive', turn)))
      const reception = await agent.receive(container)
      if (reception.accepted) throw new Error(`the agent accepted the container of turn ${turn}`)
      expect(reception.denial.requirement).toMatch(/^[A-Z]{3}-\d\d$/)
    }
    expect(await store.load({})).toEqual([])
  })

  it('refuses a revoked one where it can look that up', async () => {
    const given = await grant()
    const revocations = memoryRevocationStore({ clock })
    await revocations.add({ ids: [String(given.cid)], revoker: owner.did, expiration: never })
    const agent = await openAgent({ signer, clock, revocations })
    expect(await agent.receive(encodeContainer([given]))).toMatchObject({ denial: { code: 'revoked' } })
  })

  it('forgets a delegation', async () => {
    const given = await grant()
    const agent = await openAgent({ signer, clock, delegations: [given] })
    await agent.forget([given])
    expect((await agent.can(send, { to: 'bob@example.com' })).ok).toBe(false)
  })

  async function tail(): Promise<Delegation> {
    const root = await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock })
    return attenuate(root, { issuer: planner, audience: signer.did, clock })
  }
})

/** The same fields, signed by nobody: the last byte of the signature is changed. */
function forged({ bytes }: Delegation): { bytes: Uint8Array } {
  const copy = bytes.slice()
  // The envelope is a list of two; the signature of 64 bytes comes first, after three bytes.
  copy[40] = (copy[40] as number) ^ 1
  return { bytes: copy }
}

describe('AGT-07 a child never gets more than the agent has', () => {
  it.each([
    ['a key in the place of a DID', 'sk-live-canary', 'must be a DID without path, query or fragment, such as'],
    ['a DID URL', `${child.did}#key`, 'must be a DID without path, query or fragment, such as'],
    ['a malformed key', `${child.did}canary`, 'must be a DID without path, query or fragment, such as'],
    ['a signer', child, 'must be a DID; pass `signer.did`'],
    ['an empty string', '', 'must be a DID'],
  ])('refuses %s, by the name of its option and without its value', async (_what, value, message) => {
    const agent = await openAgent({ signer, clock, delegations: [await grant()] })
    const wrong = value as string
    const task = { commands: [send] }
    const attempts: readonly (readonly [option: string, attempt: () => Promise<unknown>])[] = [
      ['child', () => agent.delegateTo(wrong, task)],
      ['subject', () => agent.delegateTo(child.did, { ...task, subject: wrong })],
      ['subject', () => agent.attenuateFor({ ...task, subject: wrong })],
      ['signer.did', () => openAgent({ signer: { ...signer, did: wrong as never }, clock })],
    ]
    for (const [option, attempt] of attempts) {
      const error = (await errorOf(attempt)) as Error
      expect(error, option).toBeInstanceOf(ArgumentError)
      expect(error.message).toContain(`\`${option}\` ${message}`)
      expect(error.message).not.toContain('canary')
    }
  })

  it('refuses a definition with a policy beside it, instead of leaving the policy out', async () => {
    const agent = await openAgent({ signer, clock, delegations: [await grant()] })
    for (const name of ['policy', 'policies']) {
      const commands = [{ ...send, [name]: toExample }]
      await expect(agent.delegateTo(child.did, { commands })).rejects.toThrow(ArgumentError)
      await expect(agent.attenuateFor({ commands })).rejects.toThrow(`no option \`${name}\``)
    }
  })

  it('gets a narrower delegation, which a service accepts', async () => {
    const root = await grant({ policy: toExample })
    const agent = await openAgent({ signer, clock, delegations: [root] })
    const policy = [eq('.to', 'bob@example.com')]
    const { delegations, container } = await agent.delegateTo(child.did, { commands: [{ command: send, policy }] })
    expect(delegations).toMatchObject([{ issuer: signer.did, audience: child.did, command: '/mail/send', policy }])
    const sub = await openAgent({ signer: child, clock })
    expect(await sub.receive(container)).toMatchObject({ accepted: true })
    expect((await sub.can(send, { to: 'bob@example.com' })).ok).toBe(true)
    expect((await sub.can(send, { to: 'ann@example.com' })).ok).toBe(false)
  })

  it.each([
    ['expired', { expiration: now - 1 }],
    ['not yet valid', { notBefore: now + 100 }],
  ])('and learns that its delegation is %s', async (_, time) => {
    const agent = await openAgent({ signer, clock, delegations: [await grant(time)] })
    await expect(agent.attenuateFor({ commands: [send] })).rejects.toThrow(
      'the agent holds no delegation that covers `/mail/send` now: it is expired or not yet valid, so it cannot pass it on; ask its owner for a new one',
    )
  })

  it.each<[string, object, AgentCeilings, RegExp]>([
    ['another command', { commands: ['/calendar'] }, {}, /holds no delegation that covers `\/calendar`/],
    ['a broader command', { commands: ['/'] }, {}, /holds no delegation that covers `\/`/],
    ['a broader policy', { commands: [{ command: send, policy: [like('.to', '*')] }] }, {}, /only allows/],
    ['a longer time', { commands: [send], expiresIn: 9_000 }, {}, /would outlive its proofs/],
    ['more than the lifetime', { commands: [send], expiresIn: 90 }, { lifetime: 60 }, /at most 60 s, not for 90 s/],
    ['a deeper chain', { commands: [send] }, { depth: 1 }, /at most 1 delegations.* would have 2/],
    ['anything', { commands: [send] }, { depth: 0 }, /does not pass authority on/],
    [
      'a command that is not listed',
      { commands: ['/mail/read'] },
      { commands: [send] },
      /add it to `ceilings.commands`/,
    ],
    ['a command above the listed one', { commands: ['/mail'] }, { commands: [send] }, /add it to `ceilings.commands`/],
    ['every command', { commands: ['/'] }, { commands: ['/mail'] }, /add it to `ceilings.commands`/],
    ['a second more', { commands: [send], expiresIn: 61 }, { lifetime: 60 }, /at most 60 s, not for 61 s/],
    ['more with one command of two', { commands: [send, '/calendar'] }, {}, /\/calendar/],
  ])('and is refused %s, before it is handed out', async (_, task, ceilings, words) => {
    const onDelegation = vi.fn()
    const agent = await openAgent({
      signer,
      clock,
      delegations: [await grant({ policy: toExample })],
      ceilings,
      onDelegation,
    })
    const refused = await agent.delegateTo(child.did, task as never).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(AttenuationError)
    expect((refused as Error).message).toMatch(words)
    expect(onDelegation).not.toHaveBeenCalled()
  })

  it('gets exactly the ceilings', async () => {
    const ceilings = { lifetime: 60, depth: 2, commands: ['/mail'] }
    const agent = await openAgent({ signer, clock, delegations: [await grant()], ceilings })
    const { delegations } = await agent.delegateTo(child.did, { commands: ['/mail'], expiresIn: 60 })
    expect(delegations).toMatchObject([{ command: '/mail', expiration: now + 60 }])
  })

  it('gets no more time than the ceiling when the task names no time', async () => {
    const agent = await openAgent({ signer, clock, delegations: [await grant()], ceilings: { lifetime: 60 } })
    const { delegations } = await agent.delegateTo(child.did, { commands: [send] })
    expect(delegations).toMatchObject([{ expiration: now + 60 }])
  })

  it('counts whole seconds, also by a clock that reports a fraction', async () => {
    const records: DelegationRecord[] = []
    const fine = { now: () => now + 0.75 }
    const agent = await openAgent({
      signer,
      clock: fine,
      delegations: [await grant({ expiration: now })],
      onDelegation: (record) => records.push(record),
    })
    // In its last second, a delegation is valid.
    expect(await agent.capabilities()).toHaveLength(1)
    await agent.receive(encodeContainer([await grant()]))
    const { delegations } = await agent.delegateTo(child.did, { commands: [send], expiresIn: 60 })
    expect(delegations.map(({ expiration }) => expiration)).toContain(now + 60)
    expect(records.map(({ time }) => time)).toEqual(records.map(() => now))
  })

  it('gets the part of each chain that permits the conditions', async () => {
    const delegations = [
      await grant({ policy: [like('.to', '*@example.com')] }),
      await grant({ policy: [like('.to', '*@example.org')] }),
    ]
    const agent = await openAgent({ signer, clock, delegations })
    const policy = [eq('.to', 'bob@example.org')]
    const made = await agent.delegateTo(child.did, { commands: [{ command: send, policy }] })
    expect(names(made.proofs)).toEqual(names(delegations.slice(1)))
    const whole = await agent.delegateTo(child.did, { commands: [send] })
    expect(names(whole.proofs).sort()).toEqual(names(delegations).sort())
  })

  it('may get authority of the agent itself when the task names the agent', async () => {
    const agent = await openAgent({ signer, clock })
    const { delegations } = await agent.delegateTo(child.did, { commands: [send], subject: signer.did })
    expect(delegations).toMatchObject([{ subject: signer.did }])
    await expect(agent.delegateTo(child.did, { commands: [send] })).rejects.toThrow(AttenuationError)
  })

  it('has to be named by a DID', async () => {
    const agent = await openAgent({ signer, clock, delegations: [await grant()] })
    await expect(agent.delegateTo(child as never, { commands: [send] })).rejects.toThrow('pass `signer.did`')
    await expect(agent.delegateTo(child.did, { commands: [] })).rejects.toThrow(ArgumentError)
  })
})

describe('AGT-08 every delegation is recorded before it is handed out', () => {
  it('in words, with its proofs', async () => {
    const records: DelegationRecord[] = []
    const given = await grant()
    const agent = await openAgent({ signer, clock, delegations: [given], onDelegation: (one) => records.push(one) })
    const { delegations } = await agent.delegateTo(child.did, { commands: [send], purpose: 'mail to Bob' })
    expect(records).toMatchObject([{ proofs: [String(given.cid)], purpose: 'mail to Bob', time: now }])
    expect(records[0]?.delegation).toBe(delegations[0])
    expect(records[0]?.words).toContain('`/mail/send`')
  })

  it('and is not handed out when it cannot be recorded', async () => {
    const onDelegation = () => Promise.reject(new Error('the log is full'))
    const agent = await openAgent({ signer, clock, delegations: [await grant()], onDelegation })
    await expect(agent.delegateTo(child.did, { commands: [send] })).rejects.toThrow('the log is full')
    await expect(agent.attenuateFor({ commands: [send] })).rejects.toThrow('the log is full')
  })
})

describe('AGT-29 a ledger has every delegation that an agent makes or receives', () => {
  const setUp = async (failing = false, resolver = keyResolver()) => {
    const archived: string[] = []
    const sink = memoryAuditSink()
    const archive = {
      async put(cid: string) {
        if (failing) throw new Error('the archive is full')
        archived.push(cid)
      },
      get: async () => undefined,
    }
    const store = memoryDelegationStore()
    const ledger = createLedger({ sink, archive, clock })
    const agent = await openAgent({ signer, clock, store, ledger, resolver })
    return { agent, store, archived, kinds: () => sink.records().map(({ event }) => event.kind) }
  }

  it('also those of its children, and of several chains at once', async () => {
    const { agent, archived, kinds } = await setUp()
    const [one, other] = [await grant(), await grant({ command: '/calendar' })]
    expect((await agent.receive(encodeContainer([one, other]))).accepted).toBe(true)
    expect([...archived].sort()).toEqual(names([one, other]).sort())
    const helper = await agent.attenuateFor({ commands: [send] })
    const { delegations } = await helper.delegateTo(child.did, { commands: [send] })
    expect(kinds()).toEqual(['seen', 'seen', 'issued', 'issued'])
    expect(archived.at(-1)).toBe(String(delegations[0]?.cid))
  })

  it('also those of owners that the agent alone resolves', async () => {
    const did = parseDid('did:web:owner.example')
    const { algorithm, publicKey: bytes } = owner
    const resolver: DidResolver = {
      resolve: (asked, options) =>
        asked === did ? { keys: [{ did, algorithm, bytes }] } : keyResolver().resolve(asked, options),
    }
    const { agent, archived } = await setUp(false, resolver)
    const granted = await delegate({ issuer: { ...owner, did }, audience: signer.did, command: '/mail', clock })
    expect((await agent.receive(encodeContainer([granted]))).accepted).toBe(true)
    expect(archived).toEqual(names([granted]))
  })

  it('or it is neither handed out nor stored', async () => {
    const { agent, store } = await setUp(true)
    await expect(agent.receive(encodeContainer([await grant()]))).rejects.toThrow(/archive/)
    expect(await store.load({})).toEqual([])
    const archive = { put: () => Promise.reject(new Error('the archive is full')), get: async () => undefined }
    const ledger = createLedger({ sink: memoryAuditSink(), archive, clock })
    const holder = await openAgent({ signer, clock, delegations: [await grant()], ledger })
    await expect(holder.delegateTo(child.did, { commands: [send] })).rejects.toThrow(/archive/)
    await expect(holder.attenuateFor({ commands: [send] })).rejects.toThrow(/archive/)
  })
})

describe('AGT-15 an agent for a task', () => {
  it('has its own key, its part, the ceilings and the services of its parent', async () => {
    const onDelegation = vi.fn()
    const options = { signer, clock, delegations: [await grant()], ceilings: { depth: 2 }, onDelegation }
    const services = [{ audience: service.did, commands: ['/mail'] }]
    const parent = await openAgent({ ...options, services })
    const policy = toExample
    const sub = await parent.attenuateFor({ commands: [{ command: send, policy }], expiresIn: 60 })
    expect(sub.did).not.toBe(parent.did)
    expect(await sub.can(send, { to: 'bob@example.com' })).toMatchObject({ ok: true, expiration: now + 60 })
    expect(await sub.can(send, { to: 'eve@evil.test' })).toMatchObject({ ok: false })
    expect(await sub.can('/mail/read')).toMatchObject({ ok: false })
    const decision = await sub.authorize({ command: send, args: { to: 'bob@example.com' } })
    expect(decision).toMatchObject({ ok: true, invocation: { issuer: sub.did, audience: service.did } })
    await expect(sub.delegateTo(stranger.did, { commands: [send] })).rejects.toThrow('at most 2 delegations')
    expect(onDelegation).toHaveBeenCalledTimes(1)
  })
})
