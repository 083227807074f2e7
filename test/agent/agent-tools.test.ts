import { describe, expect, it } from 'vitest'
import type { Agent, CallResult } from '../../src/agent/agent.ts'
import { agentTools } from '../../src/agent/agent-tools.ts'
import { aiTools } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainTools } from '../../src/agent/frameworks/langchain.ts'
import { mastraTools } from '../../src/agent/frameworks/mastra.ts'
import { type OpenAiToolFields, openaiTools } from '../../src/agent/frameworks/openai.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import type { SendCall } from '../../src/agent/send-call.ts'
import { toolsByName } from '../../src/agent/tools-by-name.ts'
import { integer, optional, text } from '../../src/core/capability/argument-types/basic.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError, AuthorizationError, MalformedError } from '../../src/errors.ts'
import { actor } from '../support/actors.ts'

const [owner, other, signer, service] = [
  await actor('owner'),
  await actor('other'),
  await actor('agent'),
  await actor('service'),
]
const send = defineCommand({ command: '/mail/send', args: { to: email() }, description: 'Sends a mail.' })
const list = defineCommand({ command: '/mail/list', args: { limit: optional(integer()) } })
const remove = defineCommand({ command: '/files/remove', args: {} })
const grant = (issuer: typeof owner, command: string, ...patterns: string[]) =>
  delegate({ issuer, audience: signer.did, command, policy: patterns.map((pattern) => like('.to', pattern)) })

/** A service that answers every call with its arguments. */
const echo: SendCall = async ({ invocation }) => ({ ok: true, value: { sent: invocation.args['to'] ?? null } })
const open = (delegations: Awaited<ReturnType<typeof grant>>[], send: SendCall = echo) =>
  openAgent({ signer, delegations, services: [{ audience: service.did, send }] })

const assistant = await open([await grant(owner, '/mail/list'), await grant(owner, '/mail/send', '*@example.com')])
const bob = { to: 'bob@example.com' }
const eve = { to: 'eve@example.org' }

describe('agentTools', () => {
  it('AGT-34 makes a tool for each command that is covered, in the given order and with its conditions', async () => {
    const tools = await agentTools(assistant, { tools: [send, remove, list] })
    expect(tools.map(({ name, description }) => [name, description])).toEqual([
      ['mail_send', 'Sends a mail. Permitted only where `.to` is a string that ends with `"@example.com"`.'],
      ['mail_list', '/mail/list.'],
    ])
    expect(tools[0]?.definition).toBe(send)
    expect(tools[0]?.jsonSchema).toMatchObject({ required: ['to'], additionalProperties: false })
    const names = async (tools: readonly (typeof send | typeof list)[]) =>
      (await agentTools(assistant, { tools })).map(({ name }) => name)
    expect(await names([list, send])).toEqual(['mail_list', 'mail_send'])
    // Names of digits come first in an object.
    const numbered = ['/mail', '/2', '/1', '/__proto__'].map((command) => defineCommand({ command, args: {} }))
    const all = await open(await Promise.all(numbered.map(({ command }) => grant(owner, command))))
    const named = (await agentTools(all, { tools: numbered })).map(({ name, definition }) => [name, definition.command])
    expect(named).toEqual(numbered.map(({ command }) => [command.slice(1), command]))
  })

  it('AGT-34 gives the conditions of several chains as alternatives, and none if one chain has none', async () => {
    const [one, two, all] = [
      await grant(owner, '/mail/send', '*@example.com'),
      await grant(owner, '/mail/send', '*@example.org'),
      await grant(owner, '/mail'),
    ]
    const [both] = await agentTools(await open([one, two]), { tools: [send] })
    expect(both?.description).toMatch(/^Sends a mail\. Permitted only where .+; or where .+\.$/)
    expect(both?.description).toContain('@example.com')
    expect(both?.description).toContain('@example.org')
    const [any] = await agentTools(await open([one, all, two]), { tools: [send] })
    expect(any?.description).toBe('Sends a mail.')
    const many = await Promise.all(Array.from({ length: 30 }, (_, index) => grant(owner, '/mail/send', `${index}@*`)))
    const [cut] = await agentTools(await open(many), { tools: [send] })
    expect(cut?.description).toBe('Sends a mail. Permitted only where one of 30 delegations permits the call.')
    const mine = await open([await grant(other, '/mail'), one])
    const [ofOwner] = await agentTools(mine, { tools: [send], subject: owner.did })
    expect(ofOwner?.description).toContain('@example.com')
  })

  it('AGT-34 calls the service, and returns a refusal without sending', async () => {
    const sent: unknown[] = []
    const counted = await open([await grant(owner, '/mail/send', '*@example.com')], async (call, rest) => {
      sent.push(call.invocation.args)
      return echo(call, rest)
    })
    const [tool] = await agentTools(counted, { tools: { write: send } })
    expect(tool?.name).toBe('write')
    expect(await tool?.call(bob)).toMatchObject({ ok: true, value: { sent: bob.to } })
    expect(await tool?.call(eve)).toMatchObject({ ok: false, reason: 'not_permitted' })
    const foreign = ['[]', '7', '"bob@example.com"', '{"__proto__":{"to":"bob@example.com"}}', '{}', 'null']
    for (const text of [...foreign, '{"to":"bob@example.com","cc":"eve@example.org"}'])
      expect(await tool?.call(JSON.parse(text)), text).toMatchObject({ ok: false, reason: 'not_permitted' })
    expect(sent.map((args) => ({ ...Object(args) }))).toEqual([bob])
  })

  it('AGT-34 refuses arguments that are too large for a token, and sends nothing', async () => {
    const write = defineCommand({ command: '/mail/write', args: { body: text() } })
    let sent = 0
    const writer = await open([await grant(owner, '/mail/write')], async () => {
      sent += 1
      return { ok: true, value: null }
    })
    const [tool] = await agentTools(writer, { tools: [write] })
    expect(await tool?.call({ body: 'b'.repeat(60_000) })).toMatchObject({ ok: true })
    // The first is within the limit of values, and the token is not.
    for (const length of [65_300, 70_000, 1_000_000]) {
      const message = expect.stringMatching(/^`args` are too large for a token: (?!.*bbb)/)
      expect(await tool?.call({ body: 'b'.repeat(length) })).toEqual({
        ok: false,
        reason: 'not_permitted',
        executed: false,
        message,
      })
    }
    expect(sent).toBe(1)
    // A failure of the connection is not a fault of the arguments.
    const failing = await open([await grant(owner, '/mail/write')], () =>
      Promise.reject(new MalformedError('CBR-19', 'the response is too long', { kind: 'too_large' })),
    )
    const [broken] = await agentTools(failing, { tools: [write] })
    await expect(broken?.call({ body: 'b' })).rejects.toThrow('the response is too long')
  })

  it('AGT-22 asks a function for the agent at each call, and refuses while there is none', async () => {
    const agents = new Map([['one', assistant]])
    const tools = await agentTools((session: string) => agents.get(session), { tools: [send, remove] })
    expect(tools.map(({ name, description }) => [name, description])).toEqual([
      ['mail_send', 'Sends a mail.'],
      ['files_remove', '/files/remove.'],
    ])
    expect(await tools[0]?.call(bob, { context: 'one' })).toMatchObject({ ok: true })
    const [fromJavaScript] = await agentTools((() => null) as never, { tools: [send] })
    for (const none of [await tools[0]?.call(bob, { context: 'two' }), await fromJavaScript?.call(bob)])
      expect(none).toMatchObject({ ok: false, message: expect.stringContaining('no authority was delegated') })
  })

  it.each([
    [
      'a promise of an agent',
      () => agentTools(open([]) as never, { tools: [send] }),
      'the agent is a promise; await it',
    ],
    ['a signer', () => agentTools(signer as never, { tools: [send] }), 'the agent must be an agent of openAgent'],
    ['one definition', () => agentTools(assistant, { tools: send as never }), '`tools` is one definition; pass a list'],
    ['a command', () => agentTools(assistant, { tools: ['/mail/send' as never] }), 'make them with defineCommand'],
    ['commands', () => agentTools(assistant, { tools: { mail_send: '/mail/send' as never } }), 'make them with define'],
    ['a promise', () => agentTools(assistant, { tools: [Promise.resolve(send) as never] }), 'is a promise; await it'],
    ['a wrong name', () => agentTools(assistant, { tools: { 'a b': send } }), '`name` must be 1 to 64'],
    [
      'no function of the framework',
      () => langchainTools(assistant, { tools: [send], ToolMessage } as never),
      '`tool` must be the function `tool` of `langchain`',
    ],
    ['no task', () => assistant.attenuateFor(undefined as never), 'the options argument of attenuateFor'],
  ])('tells the remedy for %s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(ArgumentError)
    await expect(run()).rejects.toThrow(message)
  })
})

describe('toolsByName', () => {
  it('AGT-34 names the tools as toolOf does, and refuses two of the same name', () => {
    expect(Object.entries(toolsByName([send, list]))).toEqual([
      ['mail_send', send],
      ['mail_list', list],
    ])
    const same = defineCommand({ command: '/mail_send', args: {} })
    expect(() => toolsByName([send, same])).toThrow(/same name `mail_send`/)
    expect(() => toolsByName([{} as typeof send])).toThrow(/definitions of commands/)
  })
})

class ToolMessage {
  readonly fields: object
  constructor(fields: object) {
    this.fields = fields
  }
}

/** How the tool of each framework answers. */
const frameworks: Readonly<Record<string, (agent: Agent, input: unknown) => Promise<unknown>>> = {
  async langchain(agent, input) {
    const tool = <T>(callback: T) => callback
    const [run] = await langchainTools(agent, { tools: [send], tool, ToolMessage })
    return run?.(input, { toolCall: { id: 'one' } })
  },
  async aiSdk(agent, input) {
    const tools = await aiTools(agent, { tools: [send] })
    return tools['mail_send']?.execute(input)
  },
  async openai(agent, input) {
    const [tool] = await openaiTools(agent, { tools: [send], tool: (fields: OpenAiToolFields) => fields })
    return tool?.execute(input)
  },
  async mastra(agent, input) {
    const tools = await mastraTools(agent, { tools: [send], createTool: (fields) => fields })
    return tools['mail_send']?.execute(input)
  },
}

describe.each(Object.entries(frameworks))('the tools of %s', (name, run) => {
  const isText = name === 'langchain' || name === 'openai'

  it('AGT-34 return the value of the service', async () => {
    const value = { sent: bob.to }
    expect(await run(assistant, bob)).toEqual(isText ? JSON.stringify(value) : value)
    const said = await open([await grant(owner, '/mail/send')], async () => ({ ok: true, value: 'sent' }))
    expect(await run(said, bob)).toBe('sent')
  })

  it('AGT-34 tell the reason of a refusal, of the agent and of the service', async () => {
    const denial = { code: 'revoked', message: 'the delegation was revoked' }
    const denied = await open([await grant(owner, '/mail/send')], async () => ({ ok: false, denial }))
    for (const [agent, input, reason] of [
      [assistant, eve, '*@example.com'],
      [denied, bob, denial.message],
    ] as const) {
      const answer: unknown = await run(agent, input).catch((error: unknown) => error)
      const told = answer instanceof ToolMessage ? Object(answer.fields).content : answer
      expect(told instanceof AuthorizationError ? told.message : told).toContain(reason)
      if (name === 'langchain') expect(Object(answer).fields).toMatchObject({ status: 'error', tool_call_id: 'one' })
      if (name === 'aiSdk') expect(answer).toBeInstanceOf(AuthorizationError)
    }
  })

  it('do not hide an error of the connection', async () => {
    const broken = await open([await grant(owner, '/mail/send')], () => Promise.reject(new Error('no route')))
    await expect(run(broken, bob)).rejects.toThrow('no route')
  })
})

it.each(['langchain', 'openai'])('AGT-34 the tool of %s reports a call whose value is not JSON', async (name) => {
  const loop: { self?: object } = {}
  loop.self = loop
  for (const value of [{ size: 1n }, loop]) {
    const odd = await open([await grant(owner, '/mail/send')], async () => ({ ok: true, value }))
    expect(await frameworks[name]?.(odd, bob)).toBe('the call succeeded, but its value cannot be written as JSON')
  }
})

it('AGT-34 passes the signal and the options of a call on', async () => {
  const seen: unknown[] = []
  const agent = {
    capabilities: assistant.capabilities,
    async call(command: unknown, args: unknown, options: unknown): Promise<CallResult<never>> {
      seen.push([command, args, options])
      return { ok: false, reason: 'failed', executed: 'unknown', message: 'the service failed' }
    },
  }
  const approval = { approvers: [owner.did], ask: async () => undefined }
  const rest = { audience: service.did, subject: owner.did, approval }
  const [tool] = await agentTools(agent as Agent, { tools: [send], ...rest })
  const { signal } = new AbortController()
  expect(await tool?.call(bob, { signal })).toMatchObject({ message: 'the service failed' })
  expect(seen).toEqual([[send, bob, { ...rest, signal }]])
})
