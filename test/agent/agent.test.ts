import { describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agent/agent.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { oneOf, optional } from '../../src/core/capability/argument-types/basic.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { type DelegateOptions, delegate } from '../../src/core/delegation/delegate.ts'
import { memoryDelegationStore } from '../../src/core/proof/memory-delegation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { actor, clock, now } from '../support/actors.ts'

const owner = await actor('owner')
const other = await actor('other')
const planner = await actor('planner')
const signer = await actor('agent')
const service = await actor('service')
const send = defineCommand({
  command: '/mail/send',
  args: { to: email(), priority: optional(oneOf(['low', 'high'])) },
})

const grant = (options: Partial<DelegateOptions> = {}) =>
  delegate({ issuer: owner, audience: signer.did, command: '/mail', clock, ...options })
const toExample = [like('.to', '*@example.com')]
const open = (delegations: Awaited<ReturnType<typeof grant>>[], options = {}): Promise<Agent> =>
  openAgent({ signer, delegations, clock, ...options })
const newAuthorizer = () =>
  createAuthorizer({
    audience: service.did,
    subjects: [owner.did],
    commands: [send],
    clock,
    ...memoryStores({ clock }),
  })

describe('AGT-01 an agent answers before a call as the service will answer', () => {
  it('yes, with the chain and its expiry', async () => {
    const root = await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock, expiresIn: 900 })
    const last = await attenuate(root, { issuer: planner, audience: signer.did, command: send, clock, expiresIn: 600 })
    const agent = await open([last, root])
    const answer = await agent.can(send, { to: 'bob@example.com' })
    expect(answer).toMatchObject({ ok: true, subject: owner.did, expiration: now + 600 })
    expect(answer.ok && answer.proofs.map(({ cid }) => String(cid))).toEqual([String(root.cid), String(last.cid)])
  })

  it.each([
    ['a policy', { policy: toExample }, { to: 'eve@evil.test' }, 'policy_unsatisfied'],
    ['an argument', {}, { to: 'no address' }, 'arguments_invalid'],
    ['a missing argument', {}, {}, 'arguments_invalid'],
    ['another command', { command: '/calendar' }, { to: 'bob@example.com' }, 'command_not_covered'],
    ['the time', { expiration: now - 1_000 }, { to: 'bob@example.com' }, 'expired'],
    ['the future', { notBefore: now + 1_000, expiresIn: 2_000 }, { to: 'bob@example.com' }, 'not_yet_valid'],
  ] as const)('no, in the words of the authorizer: %s', async (_, options, args, code) => {
    const agent = await open([await grant(options as Partial<DelegateOptions>)])
    const answer = await agent.can(send, args as never)
    if (answer.ok) throw new Error('the agent permits it')
    expect(answer.denial.code).toBe(code)
    // The same call, signed all the same, at a service.
    const { invoke } = await import('../../src/core/invocation/invoke.ts')
    const call = await invoke({
      issuer: signer,
      subject: owner.did,
      audience: service.did,
      command: '/mail/send',
      args: args as never,
      proofs: answer.closest ?? [],
      clock,
    })
    const decision = await newAuthorizer().authorize(encodeContainer([call, ...(answer.closest ?? [])]))
    if (decision.allowed) throw new Error('the service allows it')
    const { call: _claimed, ...denial } = decision.denial
    expect(answer.denial).toEqual(denial)
  })

  it('yes, with a delegation that another process has stored since', async () => {
    const store = memoryDelegationStore()
    const agent = await openAgent({ signer, clock, store })
    expect(await agent.can(send, { to: 'bob@example.com' })).toMatchObject({ ok: false })
    const stored = await grant()
    await store.change({ add: new Map([[String(stored.cid), stored.bytes]]), remove: [] }, {})
    expect(await agent.can(send, { to: 'bob@example.com' })).toMatchObject({ ok: true, subject: owner.did })
  })

  it('about a command alone, without its arguments', async () => {
    const agent = await open([await grant({ policy: toExample })])
    expect((await agent.can(send)).ok).toBe(true)
    expect((await agent.can('/mail/send')).ok).toBe(true)
    expect((await agent.can('/calendar')).ok).toBe(false)
  })

  it('and takes the chain whose policy permits the arguments', async () => {
    const agent = await open([
      await grant({ policy: [eq('.to', 'ann@example.com')], expiresIn: 3_000 }),
      await grant({ policy: [eq('.to', 'bob@example.com')], expiresIn: 1_000 }),
    ])
    const answer = await agent.can(send, { to: 'bob@example.com' })
    expect(answer).toMatchObject({ ok: true, expiration: now + 1_000 })
  })
})

describe('AGT-02 a refusal names the closest chain', () => {
  it('which is one that fails a later check', async () => {
    const near = await grant({ policy: toExample })
    const agent = await open([await grant({ command: '/calendar' }), near, await grant({ expiration: now - 900 })])
    const answer = await agent.can(send, { to: 'eve@evil.test' })
    expect(answer).toMatchObject({ ok: false, closest: [{ cid: near.cid }], denial: { approvable: {} } })
    expect(!answer.ok && answer.denial.message).toContain('must be a string that matches `*@example.com`')
  })

  it('or the one with the nearest command', async () => {
    const near = await grant({ command: '/mail/read' })
    const agent = await open([await grant({ command: '/calendar' }), near, await grant({ command: '/a/b' })])
    expect(await agent.can(send, { to: 'a@example.com' })).toMatchObject({ ok: false, closest: [{ cid: near.cid }] })
  })

  it('and is plain about an agent that holds nothing', async () => {
    const agent = await open([])
    for (const options of [{}, { subject: owner.did }]) {
      const answer = await agent.can(send, { to: 'bob@example.com' }, options)
      expect(answer).toMatchObject({ ok: false, denial: { code: 'root_not_subject' } })
      expect(!answer.ok && answer.denial.message).toContain('holds no delegation')
      expect(answer).not.toHaveProperty('closest')
    }
  })
})

describe('AGT-03 an agent does not guess whose authority it uses', () => {
  it('when two owners have delegated the command', async () => {
    const agent = await open([await grant(), await grant({ issuer: other })])
    const args = { to: 'bob@example.com' }
    await expect(agent.can(send, args)).rejects.toThrow(/2 subjects .* pass the `subject`/)
    expect(await agent.can(send, args, { subject: other.did })).toMatchObject({ ok: true, subject: other.did })
    await expect(agent.delegateTo(planner.did, { commands: [send] })).rejects.toThrow(ArgumentError)
  })

  it('and uses its own when told', async () => {
    const agent = await open([])
    const answer = await agent.can(send, { to: 'bob@example.com' }, { subject: signer.did })
    expect(answer).toMatchObject({ ok: true, proofs: [] })
  })
})

describe('AGT-04 absent arguments', () => {
  it('may be undefined, at any depth', async () => {
    const agent = await open([await grant()])
    const request = { command: send, args: { to: 'bob@example.com', priority: undefined }, audience: service.did }
    const decision = await agent.authorize(request)
    if (!decision.ok) throw new Error(decision.denial.message)
    expect(decision.invocation.args).toEqual({ to: 'bob@example.com' })
    expect((await newAuthorizer().authorize(decision.container)).allowed).toBe(true)
    const deep = await agent.authorize({ command: '/mail/x', args: { a: { b: undefined, c: [{ d: undefined }] } } })
    expect(deep.ok && deep.invocation.args).toEqual({ a: { c: [{}] } })
  })

  it('and an argument that no token has is refused before a signature', async () => {
    const agent = await open([await grant()])
    await expect(agent.authorize({ command: '/mail/x', args: { a: () => 1 } })).rejects.toThrow(/args/)
  })
})

describe('AGT-05 capabilities', () => {
  it('list what is valid now, in words, with the conditions of the whole chain', async () => {
    const root = await delegate({ issuer: owner, audience: planner.did, command: '/mail', clock, policy: toExample })
    const policy = [eq('.priority', 'low')]
    const last = await attenuate(root, { issuer: planner, audience: signer.did, command: send, clock, policy })
    const agent = await open([root, last, await grant({ expiration: now - 1 }), await grant({ command: '/calendar' })])
    const listed = await agent.capabilities()
    expect(listed.map(({ command }) => command).sort()).toEqual(['/calendar', '/mail/send'])
    const [mail] = await agent.capabilities({ commands: [send] })
    expect(mail).toMatchObject({ subject: owner.did, commands: [send], expiration: now + 3_600 })
    expect(mail?.conditions).toEqual(['`.to` is a string that ends with `"@example.com"`', '`.priority` is `"low"`'])
    expect(mail?.words).toBe(
      `\`/mail/send\` and the commands below it for ${owner.did}, where \`.to\` is a string that ends with \`"@example.com"\`, and \`.priority\` is \`"low"\`; until 2027-01-15T09:00:00Z`,
    )
  })
})
