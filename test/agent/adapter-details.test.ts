import { describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agent/agent.ts'
import { type AiToolRuntime, aiTools, guardedTools, toolApproval } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainMiddleware, langchainTools } from '../../src/agent/frameworks/langchain.ts'
import { type MastraToolFields, mastraHooks, mastraTools } from '../../src/agent/frameworks/mastra.ts'
import {
  type OpenAiToolFields,
  openaiTools,
  toolInputGuardrail,
  toolMetaResolver,
} from '../../src/agent/frameworks/openai.ts'
import type { ActingAgent } from '../../src/agent/frameworks/tool-permission.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { toolOf } from '../../src/agent/tool-of.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError, AuthorizationError } from '../../src/errors.ts'
import { other, owner, send, service, signer } from './mail-agents.ts'

const list = defineCommand({ command: '/mail/list', args: {} })
const tools = { mail_send: send, mail_list: list }
const bob = { to: 'bob@example.com' }
const grant = (issuer: typeof owner) => delegate({ issuer, audience: signer.did, command: '/mail' })
const services = [{ audience: service.did, send: async () => ({ ok: true as const, value: 'sent' }) }]
const assistant = await openAgent({ signer, delegations: [await grant(owner)], services })
const ofTwo = await openAgent({ signer, delegations: [await grant(owner), await grant(other)], services })
const without = await openAgent({ signer, services })

class ToolMessage {
  readonly fields: object
  constructor(fields: object) {
    this.fields = fields
  }
}

/** The assistant, with a record of the contexts and the signals that reach it. */
function recording(whenAsked: () => void = () => undefined) {
  const contexts: unknown[] = []
  const signals: unknown[] = []
  const acting = {
    async can(...given: Parameters<Agent['can']>) {
      signals.push(given[2]?.signal)
      return assistant.can(...given)
    },
    async call(...given: Parameters<Agent['call']>) {
      signals.push(given[2]?.signal)
      return assistant.call(...given)
    },
  } as Agent
  const source = async (context: unknown): Promise<Agent> => {
    contexts.push(context)
    whenAsked()
    return acting
  }
  return { source: source as ActingAgent as () => Promise<Agent>, contexts, signals }
}

type Ask = (agent: () => Promise<Agent>, signal: AbortSignal) => Promise<readonly [ran: boolean, context: unknown]>

/** Asks about a call with a signal. Each returns the context that the framework passed. */
const asking: Readonly<Record<string, Ask>> = {
  async langchain(agent, signal) {
    let ran = false
    const runtime = { signal, configurable: { thread_id: 'one' } }
    const handler = async () => {
      ran = true
    }
    const { wrapToolCall } = langchainMiddleware(agent, { tools, ToolMessage })
    await wrapToolCall({ toolCall: { name: 'mail_send', args: bob }, runtime }, handler)
    return [ran, runtime]
  },
  async guardedTools(agent, abortSignal) {
    let ran = false
    const execute = async (_input: object, _runtime: AiToolRuntime) => {
      ran = true
    }
    const runtime = { abortSignal, experimental_context: 'one' }
    await guardedTools(agent, { mail_send: { execute } }, { tools }).mail_send.execute(bob, runtime)
    return [ran, runtime]
  },
  async mastra(agent, abortSignal) {
    const context = { abortSignal }
    const answer = await mastraHooks(agent, { tools }).beforeToolCall({ toolName: 'mail_send', input: bob, context })
    return [answer === undefined, context]
  },
}

describe.each(Object.entries(asking))('the question of %s', (_name, ask) => {
  it('AGT-22 AGT-36 has the context and the signal of the call', async () => {
    const { source, contexts, signals } = recording()
    const { signal } = new AbortController()
    const [ran, context] = await ask(source, signal)
    expect(ran).toBe(true)
    expect(contexts).toHaveLength(1)
    expect(contexts[0]).toBe(context)
    expect(signals).toEqual([signal])
  })

  it('AGT-36 lets no tool run that was aborted while the agent was asked', async () => {
    const controller = new AbortController()
    const { source } = recording(() => controller.abort(new Error('the user left')))
    await expect(ask(source, controller.signal)).rejects.toThrow('the user left')
  })
})

type Run = (agent: () => Promise<Agent>, signal: AbortSignal) => Promise<readonly [value: unknown, context: unknown]>

/** Runs a tool of an agent with a signal, and returns its value and the context that the framework passed. */
const running: Readonly<Record<string, Run>> = {
  async langchain(agent, signal) {
    const runtime = { signal }
    const [run] = await langchainTools(agent, { tools: [send], tool: (callback) => callback, ToolMessage })
    return [await run?.(bob, runtime), runtime]
  },
  async aiTools(agent, abortSignal) {
    const runtime = { abortSignal }
    return [await (await aiTools(agent, { tools: [send] }))['mail_send']?.execute(bob, runtime), runtime]
  },
  async openai(agent, signal) {
    const context = { context: 'one' }
    const [tool] = await openaiTools(agent, { tools: [send], tool: (fields: OpenAiToolFields) => fields })
    return [await tool?.execute(bob, context, { signal }), context]
  },
  async mastra(agent, abortSignal) {
    const context = { abortSignal }
    const made = await mastraTools(agent, { tools: [send], createTool: (fields) => fields })
    return [await made['mail_send']?.execute(bob, context), context]
  },
}

describe.each(Object.entries(running))('a tool of %s', (_name, run) => {
  it('AGT-22 AGT-34 calls with the context and the signal of the run', async () => {
    const { source, contexts, signals } = recording()
    const { signal } = new AbortController()
    const [value, context] = await run(source, signal)
    expect(value).toBe('sent')
    expect(contexts[0]).toBe(context)
    expect(signals).toEqual([signal])
    await expect(run(source, AbortSignal.abort(new Error('the user left')))).rejects.toThrow('the user left')
  })
})

describe('the tools of a framework', () => {
  it('AGT-34 have the schemas that the framework takes', async () => {
    const { schema, jsonSchema, description } = toolOf(send)
    const fieldsOf = <Fields>(_callback: unknown, fields: Fields) => fields
    const langchain = await langchainTools(assistant, { tools: [send], tool: fieldsOf, ToolMessage })
    expect(langchain).toEqual([{ name: 'mail_send', description, schema: jsonSchema }])
    const openai = await openaiTools(assistant, { tools: [send], tool: (fields: OpenAiToolFields) => fields })
    expect(openai).toMatchObject([{ name: 'mail_send', description, parameters: jsonSchema, strict: false }])
    const mastra = await mastraTools(assistant, { tools: [send], createTool: (fields: MastraToolFields) => fields })
    const ai = await aiTools(assistant, { tools: [send] })
    for (const { inputSchema } of [mastra['mail_send'], ai['mail_send']] as { inputSchema?: object }[])
      expect([inputSchema, Object(inputSchema)['~standard']?.vendor]).toEqual([schema, schema['~standard'].vendor])
    expect(mastra['mail_send']).toMatchObject({ id: 'mail_send', description })
  })

  it('AGT-34 run without the context of a framework', async () => {
    const [langchain] = await langchainTools(assistant, { tools: [send], tool: (callback) => callback, ToolMessage })
    expect(await (langchain as (input: unknown) => Promise<unknown>)(bob)).toBe('sent')
    const mastra = await mastraTools(() => assistant, { tools: [send], createTool: (fields) => fields })
    expect(await mastra['mail_send']?.execute(bob)).toBe('sent')
    const given: unknown[] = []
    const source = (context: unknown) => {
      given.push(context)
      return assistant
    }
    await (await mastraTools(source, { tools: [send], createTool: (fields) => fields }))['mail_send']?.execute(bob)
    await (await aiTools(source, { tools: [send] }))['mail_send']?.execute(bob)
    await guardedTools(source, { mail_send: { execute: async (_input: object) => 1 } }, { tools }).mail_send.execute(
      bob,
    )
    const { wrapToolCall } = langchainMiddleware(source, { tools, ToolMessage })
    await wrapToolCall({ toolCall: { name: 'mail_send', args: bob } }, () => 1)
    expect(given).toEqual([{}, {}, {}, {}])
    // A context that is no object, and a signal that is no signal.
    const { beforeToolCall } = mastraHooks(assistant, { tools })
    for (const context of [undefined, null, { abortSignal: { aborted: true } }, { abortSignal: 'no' }])
      expect(await beforeToolCall({ toolName: 'mail_send', input: bob, context })).toBeUndefined()
  })

  it('AGT-34 refuse in the form of LangChain: a message with the id of the call, or a text where there is none', async () => {
    const eve = { to: 'no address' }
    const [run] = await langchainTools(() => without, { tools: [send], tool: (callback) => callback, ToolMessage })
    const refused = Object(await run?.(eve, { toolCall: { id: 'one' } })).fields
    expect(refused).toEqual({ tool_call_id: 'one', name: 'mail_send', status: 'error', content: refused.content })
    expect(await run?.(eve, {})).toBe(refused.content)
    const { wrapToolCall } = langchainMiddleware(without, { tools, ToolMessage })
    for (const [id, tool_call_id] of [
      ['one', 'one'],
      [undefined, ''],
    ] as const) {
      const answer = await wrapToolCall({ toolCall: { id, name: 'mail_send', args: bob } }, () => undefined)
      const content = expect.stringContaining('delegation')
      expect(answer?.fields).toEqual({ tool_call_id, name: 'mail_send', status: 'error', content })
    }
  })
})

describe('guardedTools', () => {
  it('AGT-20 runs `execute` of its tool with the options of the AI SDK, and waits for what it yields', async () => {
    const seen: unknown[] = []
    async function* results() {
      yield 'sending'
      yield 'sent'
    }
    const tool = {
      async execute(this: unknown, ...given: [input: object, options: object]) {
        seen.push(this, ...given)
        return results()
      },
      toModelOutput: () => 'text',
    }
    const guarded = guardedTools(assistant, { mail_send: tool }, { tools }).mail_send
    const options = { toolCallId: 'one' }
    expect(await guarded.execute(bob, options)).toBe('sent')
    expect([seen[0] === tool, seen[1], seen[2] === options]).toEqual([true, bob, true])
    expect(guarded.toModelOutput).toBe(tool.toModelOutput)
    expect(() => guardedTools(assistant, { '': tool }, { tools })).toThrow(/has no command/)
  })

  it('AGT-21 toolApproval asks the user only about a call that needs an approval', async () => {
    const question = { toolCall: { toolName: 'mail_send', input: bob } }
    const { source, contexts } = recording()
    for (const agent of [assistant, source])
      expect(await toolApproval(agent, { tools, approvable: 'passed' })(question)).toEqual({ type: 'not-applicable' })
    expect(contexts[0]).toBe(question)
  })
})

describe('the guardrail of OpenAI Agents', () => {
  const ask = async (text: string, agent: ActingAgent = assistant) => {
    const call = { toolCall: { name: 'mail_list', arguments: text }, context: { context: 'one' } }
    return (await toolInputGuardrail(agent, { tools }).run(call)).behavior.type
  }

  it('AGT-20 takes a call without arguments, and no text that is not JSON for one', async () => {
    expect([await ask(''), await ask('{}')]).toEqual(['allow', 'allow'])
    for (const text of ['{', ' ', '{}{}', 'undefined', '{"a":', '""'])
      expect(await ask(text), text).toBe('rejectContent')
    const { source, contexts } = recording()
    await ask('{}', source)
    expect(contexts).toEqual([{ context: 'one' }])
  })
})

describe('toolMetaResolver', () => {
  it('AGT-22 AGT-23 signs for the subject, under the key and with the agent of the run, and tells the reason', async () => {
    const contexts: unknown[] = []
    const source = (context: unknown) => {
      contexts.push(context)
      return ofTwo
    }
    const settings = { tools, audience: service.did, subject: other.did, key: 'com.example/container' }
    const call = { toolName: 'mail_send', arguments: bob, runContext: { context: 'one' } }
    const meta = await toolMetaResolver(source, settings)(call)
    expect([Object.keys(meta), contexts]).toEqual([['com.example/container'], [call.runContext]])
    const { invocations } = await openContainer(String(meta['com.example/container']))
    expect(invocations.map(({ subject }) => subject)).toEqual([other.did])
    await expect(toolMetaResolver(without, settings)(call)).rejects.toThrow(/holds no delegation/)
    await expect(toolMetaResolver(without, settings)(call)).rejects.toThrow(AuthorizationError)
    await expect(toolMetaResolver(() => undefined, settings)(call)).rejects.toThrow(ArgumentError)
  })
})

describe('the options of the adapters', () => {
  const toolSet = { mail_send: { execute: async () => 1 } }
  it.each<readonly [name: string, make: () => unknown, message: string]>([
    ['one definition', () => mastraHooks(assistant, { tools: send as never }), '`tools` is one definition'],
    ['an empty name', () => mastraHooks(assistant, { tools, local: [''] }), '`local`'],
    [
      'an approval by another name',
      () => mastraHooks(assistant, { tools, approvable: 'yes' as never }),
      '`approvable`',
    ],
    ['a subject that is no DID', () => mastraHooks(assistant, { tools, subject: 5 as never }), '`subject`'],
    ['no tools', () => guardedTools(assistant, null as never, { tools }), '`toolSet` must be an object'],
    ['a list of tools', () => guardedTools(assistant, [toolSet.mail_send], { tools }), '`toolSet` must be an object'],
    ['no class', () => langchainMiddleware(assistant, { tools, ToolMessage: {} as never }), 'the class `ToolMessage`'],
    [
      'no class for refusals',
      () => langchainTools(assistant, { tools, tool: () => 1, ToolMessage: {} as never }),
      'the class `ToolMessage`',
    ],
    ['no createTool', () => mastraTools(assistant, { tools } as never), 'the function `createTool`'],
    ['no tool', () => openaiTools(assistant, { tools } as never), 'the function `tool` of `@openai/agents`'],
    ['no commands', () => toolMetaResolver(assistant, { tools: 'mail_send' as never }), '`tools`'],
    ['an audience that is no DID', () => toolMetaResolver(assistant, { tools, audience: 5 as never }), '`audience`'],
    [
      'a subject of a call that is no DID',
      () => toolMetaResolver(assistant, { tools, subject: 5 as never }),
      '`subject`',
    ],
    ['an empty key', () => toolMetaResolver(assistant, { tools, key: '' }), '`key`'],
    ['an agent that signs nothing', () => toolMetaResolver({} as never, { tools }), 'must be an agent of openAgent'],
  ])('refuse %s', async (_name, make, message) => {
    const fault = await (async () => make())().catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(ArgumentError)
    expect(String(fault)).toContain(message)
  })
})
