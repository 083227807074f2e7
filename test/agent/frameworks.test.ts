import { describe, expect, it } from 'vitest'
import { guardedTools, toolApproval } from '../../src/agent/frameworks/ai-sdk.ts'
import { type ClaudeHookInput, claudeSession } from '../../src/agent/frameworks/claude.ts'
import { langchainMiddleware } from '../../src/agent/frameworks/langchain.ts'
import { mastraHooks } from '../../src/agent/frameworks/mastra.ts'
import { toolInputGuardrail, toolMetaResolver } from '../../src/agent/frameworks/openai.ts'
import type { ActingAgent, ToolPermissionOptions } from '../../src/agent/frameworks/tool-permission.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError, AuthorizationError } from '../../src/errors.ts'
import { other, owner, send, service, signer } from './mail-agents.ts'

const tools = { mail_send: send }
const grantOf = (issuer: typeof owner) =>
  delegate({ issuer, audience: signer.did, command: send, policy: [like('.to', '*@example.com')] })
const assistant = await openAgent({ signer, delegations: [await grantOf(owner)] })

class ToolMessage {
  readonly fields: { readonly content: string }
  constructor(fields: { readonly content: string }) {
    this.fields = fields
  }
}

type Outcome = { readonly ran: boolean; readonly told: string }
type Adapter = (agent: ActingAgent, options: ToolPermissionOptions, tool: string, args: unknown) => Promise<Outcome>

/** How each adapter answers one call of a tool. */
const adapters: Readonly<Record<string, Adapter>> = {
  async langchain(agent, options, name, args) {
    let ran = false
    const handler = async () => {
      ran = true
    }
    const { wrapToolCall } = langchainMiddleware(agent, { ...options, ToolMessage })
    const result = await wrapToolCall({ toolCall: { id: '1', name, args } }, handler)
    return { ran, told: result?.fields.content ?? '' }
  },
  async toolApproval(agent, options, toolName, input) {
    const answer = await toolApproval(agent, options)({ toolCall: { toolName, input } })
    return answer.type === 'denied' ? { ran: false, told: answer.reason } : { ran: true, told: '' }
  },
  async openai(agent, options, name, args) {
    const call = { toolCall: { name, arguments: JSON.stringify(args) }, context: { context: undefined } }
    const { behavior } = await toolInputGuardrail(agent, options).run(call)
    return behavior.type === 'allow' ? { ran: true, told: '' } : { ran: false, told: behavior.message }
  },
  async mastra(agent, options, toolName, input) {
    const result = await mastraHooks(agent, options).beforeToolCall({ toolName, input, context: {} })
    return result === undefined ? { ran: true, told: '' } : { ran: false, told: result.output }
  },
  async claude(agent, options, tool_name, tool_input) {
    const told = await askHook(claudeSession(agent as typeof assistant, options), { tool_name, tool_input })
    return { ran: told === '', told }
  },
}

/** The reason with which the hook denies a call; empty if it does not. */
async function askHook({ hooks }: ReturnType<typeof claudeSession>, call: Partial<ClaudeHookInput>): Promise<string> {
  const input = { hook_event_name: 'PreToolUse', tool_use_id: 'toolu_1', ...call }
  const answer = await hooks.PreToolUse[0]?.hooks[0]?.(input, input.tool_use_id, { signal: AbortSignal.timeout(9_000) })
  return answer?.hookSpecificOutput?.permissionDecisionReason ?? ''
}

describe.each(Object.entries(adapters))('%s', (_name, call) => {
  const bob = { to: 'bob@example.com' }
  const eve = { to: 'eve@example.org' }

  it('AGT-20 runs a permitted call, and tells the reason of a refusal', async () => {
    const answer = await assistant.can(send, eve)
    expect(await call(assistant, { tools }, 'mail_send', bob)).toEqual({ ran: true, told: '' })
    expect(await call(assistant, { tools }, 'mail_send', eve)).toEqual({
      ran: false,
      told: answer.ok ? '' : answer.denial.message,
    })
  })

  it.each(['other', 'toString', '__proto__', ''])('AGT-20 refuses the tool %j, which has no command', async (name) => {
    const { ran, told } = await call(assistant, { tools }, name, bob)
    expect(ran).toBe(false)
    expect(told).toContain('no command is configured')
  })

  it.each([
    ['a list', ['bob@example.com']],
    ['text', 'bob@example.com'],
    ['a number', 1],
  ])('AGT-20 refuses arguments that are %s', async (_kind, args) => {
    const { ran, told } = await call(assistant, { tools }, 'mail_send', args)
    expect(ran).toBe(false)
    expect(told).toContain('must be an object')
  })

  it.each([
    '{"to":"bob@example.com","cc":"eve@example.org"}',
    '{"to":"bob@example.com","__proto__":{"to":"eve@example.org"}}',
    '{"__proto__":{"to":"bob@example.com"}}',
    '{"to":["bob@example.com"]}',
    '{"to":"bob@example.com","to":"eve@example.org"}',
    '{"to":"bob@example.com","constructor":{}}',
  ])('AGT-20 refuses arguments that the command does not have: %s', async (text) => {
    expect(await call(assistant, { tools }, 'mail_send', JSON.parse(text))).toMatchObject({ ran: false })
  })

  it('AGT-20 refuses arguments that are too large for a token', async () => {
    const to = `${'b'.repeat(70_000)}@example.com`
    const { ran, told } = await call(assistant, { tools }, 'mail_send', { to })
    expect(ran).toBe(false)
    expect(told).toContain('`args` are too large for a token')
    expect(told).not.toContain('b'.repeat(20))
  })

  it('AGT-20 does not run a call when the agent throws', async () => {
    const unsure = await openAgent({ signer, delegations: [await grantOf(owner), await grantOf(other)] })
    await expect(call(unsure, { tools }, 'mail_send', bob)).rejects.toThrow(ArgumentError)
    expect(await call(unsure, { tools, subject: owner.did }, 'mail_send', bob)).toMatchObject({ ran: true })
  })

  it('AGT-21 passes a call that an approval could permit, and no other', async () => {
    expect(await call(assistant, { tools, approvable: 'passed' }, 'mail_send', eve)).toMatchObject({ ran: true })
    const none = await openAgent({ signer })
    expect(await call(none, { tools, approvable: 'passed' }, 'mail_send', bob)).toMatchObject({ ran: false })
  })

  it('AGT-22 refuses calls while there is no agent, and asks for it at each call', async () => {
    let acting: typeof assistant | undefined
    const source = () => acting
    expect((await call(source, { tools }, 'mail_send', bob)).told).toContain('no authority was delegated')
    expect((await call((() => null) as never, { tools }, 'mail_send', bob)).told).toContain(
      'no authority was delegated',
    )
    acting = assistant
    expect(await call(source, { tools }, 'mail_send', bob)).toMatchObject({ ran: true })
  })

  it('AGT-22 passes the context of a call to the function that returns the agent', async () => {
    const contexts: unknown[] = []
    const source = (context: unknown) => {
      contexts.push(context)
      return assistant
    }
    await call(source, { tools }, 'mail_send', bob)
    expect(contexts).toHaveLength(1)
    expect(contexts[0]).toBeTypeOf('object')
  })

  it('AGT-20 takes a list of definitions, under their names of toolOf', async () => {
    expect(await call(assistant, { tools: [send] }, 'mail_send', bob)).toMatchObject({ ran: true })
    expect(await call(assistant, { tools: [send] }, 'mail_send', eve)).toMatchObject({ ran: false })
    expect(await call(assistant, { tools: [send] }, '0', bob)).toMatchObject({ ran: false })
  })

  it('AGT-35 runs a local tool without a question, also without an agent, and no other', async () => {
    const none = () => undefined
    const options = { tools, local: ['calculate'] }
    expect(await call(none, options, 'calculate', { sum: '1+1' })).toEqual({ ran: true, told: '' })
    for (const name of ['calculate ', 'Calculate', 'mail_send', 'length'])
      expect(await call(none, options, name, bob), name).toMatchObject({ ran: false })
    const both = { tools, local: ['mail_send'] }
    await expect(call(assistant, both, 'mail_send', bob)).rejects.toThrow(/in `tools` and in `local`/)
  })

  it('refuses another object than an agent', async () => {
    await expect(call({} as typeof assistant, { tools }, 'mail_send', bob)).rejects.toThrow(/must be an agent/)
  })
})

describe('guardedTools', () => {
  const toolSet = { mail_send: { description: 'Sends.', execute: async ({ to }: { to: string }) => `sent to ${to}` } }

  it('AGT-20 asks before `execute`, and throws the reason', async () => {
    const { mail_send } = guardedTools(assistant, toolSet, { tools })
    expect(mail_send.description).toBe('Sends.')
    await expect(mail_send.execute({ to: 'bob@example.com' })).resolves.toBe('sent to bob@example.com')
    await expect(mail_send.execute({ to: 'eve@example.org' })).rejects.toThrow(AuthorizationError)
  })

  it('AGT-35 leaves a local tool as it is', () => {
    const calculate = { execute: async () => 2 }
    const guarded = guardedTools(assistant, { ...toolSet, calculate }, { tools, local: ['calculate'] })
    expect(guarded.calculate).toBe(calculate)
    expect(guarded.mail_send.execute).not.toBe(toolSet.mail_send.execute)
  })

  it('AGT-36 does not run a tool when the run was aborted while the agent was asked', async () => {
    const controller = new AbortController()
    const source = async () => {
      controller.abort(new Error('the user left'))
      return { can: async () => ({ ok: true }) } as unknown as typeof assistant
    }
    let ran = false
    const execute = async (_input: object, _options: object) => {
      ran = true
    }
    const { mail_send } = guardedTools(source, { mail_send: { execute } }, { tools })
    await expect(mail_send.execute({ to: 'bob@example.com' }, { abortSignal: controller.signal })).rejects.toThrow(
      'the user left',
    )
    expect(ran).toBe(false)
  })

  it('returns the last result of a tool that yields several', async () => {
    async function* execute(_input: { to: string }) {
      yield 'sending'
      yield 'sent'
    }
    const { mail_send } = guardedTools(assistant, { mail_send: { execute } }, { tools })
    expect(await mail_send.execute({ to: 'bob@example.com' })).toBe('sent')
  })

  it('refuses tools that it cannot guard', () => {
    expect(() => guardedTools(assistant, { mail_send: {} }, { tools })).toThrow(/no `execute`/)
    expect(() => guardedTools(assistant, { ...toolSet, other: toolSet.mail_send }, { tools })).toThrow(/no command/)
    expect(() => guardedTools(assistant, { length: toolSet.mail_send }, { tools: [send] })).toThrow(/no command/)
  })

  it('AGT-21 toolApproval lets the user confirm a call that needs an approval', async () => {
    const question = { toolCall: { toolName: 'mail_send', input: { to: 'eve@example.org' } } }
    expect(await toolApproval(assistant, { tools, approvable: 'passed' })(question)).toEqual({ type: 'user-approval' })
  })
})

describe('toolMetaResolver', () => {
  it('AGT-23 signs a call for its arguments, and refuses one that the agent may not make', async () => {
    const resolve = toolMetaResolver(assistant, { tools, audience: service.did })
    const args = { to: 'bob@example.com' }
    const meta = await resolve({ toolName: 'mail_send', arguments: args })
    const { invocations } = await openContainer(String(meta['xyz.ucan/container']))
    expect(invocations.map((one) => [one.command, one.args, one.audience])).toEqual([['/mail/send', args, service.did]])
    await expect(resolve({ toolName: 'mail_send', arguments: { to: 'eve@example.org' } })).rejects.toThrow(
      AuthorizationError,
    )
    await expect(resolve({ toolName: 'other', arguments: args })).rejects.toThrow(/no command is configured/)
    await expect(resolve({ toolName: 'mail_send', arguments: null })).rejects.toThrow(AuthorizationError)
  })

  it('AGT-20 a guardrail refuses arguments that are not JSON', async () => {
    const { behavior } = await toolInputGuardrail(assistant, { tools }).run({
      toolCall: { name: 'mail_send', arguments: '{' },
    })
    expect(behavior.type).toBe('rejectContent')
  })
})

describe('claudeSession', () => {
  const bob = { to: 'bob@example.com' }
  const carol = { to: 'carol@example.com' }
  const names = { mcp__mail__send: send }
  const writer = { commands: [{ command: send, policy: [like('.to', 'bob@*')] }] }
  const called = (id: string) => ({ _meta: { 'claudecode/toolUseId': id } })
  const child = (tool_input: object, more: Partial<ClaudeHookInput> = {}) => ({
    ...{ tool_name: 'mcp__mail__send', tool_input, agent_id: 'a1', agent_type: 'writer' },
    ...more,
  })

  it('[attack 95] AGT-24 a sub-agent acts with the task of its type, and one without a task has no authority', async () => {
    const session = claudeSession(assistant, { tools: names, subagents: { writer } })
    expect(await askHook(session, child(bob, { tool_use_id: 'one' }))).toBe('')
    const acting = session.agentFor(called('one'))
    expect(acting.did).not.toBe(assistant.did)
    expect(await askHook(session, child(carol))).toContain('bob@')
    expect(await askHook(session, child(bob, { agent_id: 'a2', tool_use_id: 'two' }))).toBe('')
    expect(session.agentFor(called('two')).did).not.toBe(acting.did)
    for (const agent_type of ['reader', 'toString', ''])
      expect(await askHook(session, child(bob, { agent_id: 'a3', agent_type }))).toContain('no authority was delegated')
    await session.hooks.SubagentStop[0]?.hooks[0]?.({ hook_event_name: 'SubagentStop', agent_id: 'a1' }, undefined, {
      signal: AbortSignal.timeout(9_000),
    })
    await expect(acting.can(send, bob)).rejects.toThrow(/closed/)
  })

  it('AGT-24 a task beyond the authority of the agent is a refusal, also the next time', async () => {
    const session = claudeSession(assistant, { tools: names, subagents: { writer: { commands: ['/other'] } } })
    for (let time = 0; time < 2; time += 1) expect(await askHook(session, child(bob))).toContain('/other')
  })

  it('AGT-35 a local tool runs where the agent of a sub-agent cannot be made, and no other', async () => {
    const task = { commands: ['/other'] }
    const session = claudeSession(assistant, { tools: names, local: ['calculate'], subagents: { writer: task } })
    expect(await askHook(session, child({}, { tool_name: 'calculate' }))).toBe('')
    expect(await askHook(session, child({}, { tool_name: 'Read' }))).toContain('no command is configured')
    expect(await askHook(session, child(bob))).toContain('/other')
    const failing = () => Promise.reject(new Error('the store is away'))
    expect(
      await askHook(claudeSession(failing, { tools: names, local: ['calculate'] }), { tool_name: 'calculate' }),
    ).toBe('')
  })

  it('[attack 96] AGT-25 `agentFor` knows no call that the hook has not permitted', async () => {
    const session = claudeSession(assistant, { tools: names, unlisted: 'passed' })
    const call = (id: string, tool_name: string, tool_input: object) =>
      askHook(session, { tool_use_id: id, tool_name, tool_input })
    expect(await call('one', 'mcp__mail__send', bob)).toBe('')
    expect(await call('two', 'mcp__mail__send', { to: 'eve@example.org' })).not.toBe('')
    expect(await call('three', 'Read', {})).toBe('')
    expect(session.agentFor(called('one'))).toBe(assistant)
    for (const extra of [called('two'), called('three'), called('four'), {}, { _meta: null }])
      expect(() => session.agentFor(extra)).toThrow(AuthorizationError)
  })

  it('[attack 96] AGT-25 refuses the id of a call that another agent used before', async () => {
    const call = { tool_name: 'mcp__mail__send', tool_input: bob, tool_use_id: 'same' }
    const session = claudeSession(assistant, { tools: names, subagents: { writer } })
    expect(await askHook(session, call)).toBe('')
    expect(await askHook(session, call)).toBe('')
    expect(await askHook(session, child(bob, { tool_use_id: 'same' }))).toMatch(/used before/)
    expect(session.agentFor(called('same'))).toBe(assistant)
    const reverse = claudeSession(assistant, { tools: names, subagents: { writer } })
    expect(await askHook(reverse, child(bob, { tool_use_id: 'same' }))).toBe('')
    expect(await askHook(reverse, call)).toMatch(/used before/)
    expect(reverse.agentFor(called('same'))).not.toBe(assistant)
  })

  it('[attack 96] AGT-25 `sign` puts a container into permitted calls alone, and refuses others', async () => {
    const session = claudeSession(assistant, { tools: names })
    await askHook(session, { tool_use_id: 'one', tool_name: 'mcp__mail__send', tool_input: bob })
    const [received, sent]: [unknown[], unknown[]] = [[], []]
    const transport: { onmessage?: (message: unknown) => void; send: (message: unknown) => Promise<void> } = {
      send: async (message) => void sent.push(message),
    }
    const instance = {
      async connect(transport: never) {
        Object.assign(transport, { onmessage: (message: unknown) => void received.push(message) })
      },
    }
    session.sign({ name: 'mail', instance }, { audience: service.did })
    await instance.connect(transport as never)
    const request = (id: number, args: object, _meta?: object) => ({
      ...{ jsonrpc: '2.0', id, method: 'tools/call' },
      params: { name: 'send', arguments: args, _meta },
    })
    const forged = { 'xyz.ucan/container': 'forged' }
    const list = { jsonrpc: '2.0', id: 0, method: 'tools/list' }
    transport.onmessage?.(list)
    transport.onmessage?.(request(1, bob, called('one')._meta))
    transport.onmessage?.(request(2, bob, { ...called('two')._meta, ...forged }))
    transport.onmessage?.(request(3, bob))
    transport.onmessage?.(request(4, { to: 'eve@example.org' }, called('one')._meta))
    await expect.poll(() => received.length + sent.length).toBe(5)
    const [first, signed, ...more] = received as { id: number; params?: { _meta: Record<string, string> } }[]
    expect([first?.id, signed?.id, more]).toEqual([0, 1, []])
    const { invocations } = await openContainer(String(signed?.params?._meta['xyz.ucan/container']))
    expect(invocations.map(({ args, audience }) => [args, audience])).toEqual([[bob, service.did]])
    expect(sent).toHaveLength(3)
    for (const message of sent) expect(message).toMatchObject({ result: { isError: true } })
  })

  it('a transport that is gone does not end the process', async () => {
    const session = claudeSession(assistant, { tools: names })
    const errors: unknown[] = []
    const transport = {
      send: () => Promise.reject(new Error('closed')),
      onerror: (error: unknown) => void errors.push(error),
      onmessage: undefined as ((message: unknown) => void) | undefined,
    }
    const instance = {
      async connect(given: never) {
        Object.assign(given, { onmessage: () => undefined })
      },
    }
    session.sign({ name: 'mail', instance })
    await instance.connect(transport as never)
    transport.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'send' } })
    await expect.poll(() => errors.map(String)).toEqual(['Error: closed'])
  })

  it('refuses another object than a server', () => {
    const session = claudeSession(assistant, { tools: names })
    expect(() => session.sign({} as never)).toThrow(/createSdkMcpServer/)
  })
})
