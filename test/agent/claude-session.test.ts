import { describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agent/agent.ts'
import { type ClaudeHookInput, type ClaudeSession, claudeSession } from '../../src/agent/frameworks/claude.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError, AttenuationError, AuthorizationError } from '../../src/errors.ts'
import { other, owner, send, service, signer } from './mail-agents.ts'

const list = defineCommand({ command: '/mail/list', args: {} })
const tools = { mcp__mail__send: send, mcp__mail__list: list }
const subagents = { writer: { commands: [send] } }
const bob = { to: 'bob@example.com' }
const grant = (issuer: typeof owner) => delegate({ issuer, audience: signer.did, command: '/mail' })
const assistant = await openAgent({ signer, delegations: [await grant(owner)] })
const ofTwo = await openAgent({ signer, delegations: [await grant(owner), await grant(other)] })

type Call = Partial<ClaudeHookInput>
const ofMain: Call = { tool_name: 'mcp__mail__send', tool_input: bob, tool_use_id: 'one' }
const ofWriter: Call = { ...ofMain, agent_id: 'a1', agent_type: 'writer', tool_use_id: 'two' }

async function ask({ hooks }: ClaudeSession, call: Call, signal = AbortSignal.timeout(9_000)): Promise<object> {
  const input = { hook_event_name: 'PreToolUse', ...call }
  return (await hooks.PreToolUse[0]?.hooks[0]?.(input, input.tool_use_id, { signal })) ?? { missing: true }
}

async function stop({ hooks }: ClaudeSession, agent_id: string): Promise<void> {
  const input = { hook_event_name: 'SubagentStop', agent_id }
  await hooks.SubagentStop[0]?.hooks[0]?.(input, undefined, { signal: AbortSignal.timeout(9_000) })
}

const called = (id: string) => ({ _meta: { 'claudecode/toolUseId': id } })

function denial(reason: unknown): object {
  const answer = { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: reason }
  return { hookSpecificOutput: answer }
}

describe('the hooks of claudeSession', () => {
  it('[attack 96] AGT-25 deny in the form of the SDK, and block a call when they fail', async () => {
    const session = claudeSession(assistant, { tools })
    expect(await ask(session, { ...ofMain, tool_name: 'Read' })).toEqual(
      denial('no command is configured for the tool `Read`, so it was not called'),
    )
    expect(await ask(session, ofMain)).toEqual({})
    const matchers = [...session.hooks.PreToolUse, ...session.hooks.SubagentStop]
    expect(matchers.map(({ hooks, onFailure }) => [hooks.length, onFailure])).toEqual([
      [1, 'block'],
      [1, 'block'],
    ])
  })

  it('[attack 95] AGT-24 give no authority to a sub-agent without a type, or while there is no agent', async () => {
    const session = claudeSession(assistant, { tools, subagents })
    const none = denial(expect.stringContaining('no authority was delegated'))
    const { agent_type: _, ...untyped } = ofWriter
    expect(await ask(session, untyped)).toEqual(none)
    const absent = claudeSession(() => undefined, { tools, subagents })
    for (const call of [ofMain, ofWriter]) expect(await ask(absent, call)).toEqual(none)
  })

  it('AGT-22 AGT-36 ask with the input and the signal of the call', async () => {
    const inputs: unknown[] = []
    const source = (input: unknown): Agent => {
      inputs.push(input)
      return assistant
    }
    await ask(claudeSession(source, { tools }), ofMain)
    expect(inputs).toEqual([{ hook_event_name: 'PreToolUse', ...ofMain }])
    const controller = new AbortController()
    const leaving = claudeSession(
      () => {
        controller.abort(new Error('the user left'))
        return assistant
      },
      { tools },
    )
    await expect(ask(leaving, ofMain, controller.signal)).rejects.toThrow('the user left')
    expect(() => leaving.agentFor(called('one'))).toThrow(AuthorizationError)
  })

  it('AGT-24 make an agent again after a failure, and after the sub-agent has ended', async () => {
    const faults: Error[] = [new AttenuationError('not now'), new Error('the store is away')]
    const main = {
      can: (...given: Parameters<Agent['can']>) => assistant.can(...given),
      async attenuateFor(task: Parameters<Agent['attenuateFor']>[0]) {
        const fault = faults.shift()
        if (fault !== undefined) throw fault
        return assistant.attenuateFor(task)
      },
    } as Agent
    const session = claudeSession(main, { tools, subagents })
    expect(await ask(session, ofWriter)).toEqual(denial('not now'))
    await expect(ask(session, ofWriter)).rejects.toThrow('the store is away')
    expect(await ask(session, ofWriter)).toEqual({})
    const first = session.agentFor(called('two'))
    await stop(session, 'a1')
    await stop(session, 'unknown')
    expect(await ask(session, { ...ofWriter, tool_use_id: 'three' })).toEqual({})
    expect(session.agentFor(called('three'))).not.toBe(first)
  })

  it('[attack 96] AGT-25 know a call by its id alone: the id is of one agent and one command', async () => {
    const session = claudeSession(assistant, { tools, subagents })
    const used = denial('the id of the call was used before, by another agent or for another tool')
    expect(await ask(session, ofMain)).toEqual({})
    expect(await ask(session, { ...ofMain, tool_name: 'mcp__mail__list', tool_input: {} })).toEqual(used)
    expect(await ask(session, { ...ofWriter, tool_use_id: 'one' })).toEqual(used)
    // Calls without an id are not remembered, so they do not disturb each other.
    for (const { tool_use_id: _, ...call } of [ofMain, ofWriter]) expect(await ask(session, call)).toEqual({})
    for (const extra of [{}, { _meta: {} }, called('undefined')])
      expect(() => session.agentFor(extra)).toThrow(AuthorizationError)
  })

  it.each<readonly [name: string, make: () => unknown, message: string]>([
    ['sub-agents that are no object', () => claudeSession(assistant, { tools, subagents: 5 as never }), '`subagents`'],
    ['another rule', () => claudeSession(assistant, { tools, unlisted: 'allowed' as never }), '`unlisted`'],
    ['an agent without parts', () => claudeSession({ can: assistant.can } as never, { tools }), 'must be an agent'],
    ['an audience', () => sign({ audience: 5 as never }), '`audience`'],
    ['an empty key', () => sign({ key: '' }), '`key`'],
  ])('refuse %s', (_name, make, message) => {
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(message)
  })
})

function sign(options: Parameters<ClaudeSession['sign']>[1]): void {
  const instance = { connect: async () => undefined }
  claudeSession(assistant, { tools }).sign({ name: 'mail', instance }, options)
}

/** A transport and a server, as the SDK connects them. */
async function connected(session: ClaudeSession, onerror: (error: unknown) => void = () => undefined) {
  const [received, sent]: [unknown[][], unknown[]] = [[], []]
  const transport = {
    onmessage: undefined as ((...message: unknown[]) => void) | undefined,
    onerror,
    send: async (message: unknown) => void sent.push(message),
  }
  const instance = {
    async connect(this: unknown, to: never) {
      const given = to as typeof transport
      // An earlier callback would be called too.
      expect([this === instance, given.onmessage]).toEqual([true, undefined])
      given.onmessage = function (...message) {
        received.push([this === transport, ...message])
      }
    },
  }
  session.sign({ name: 'mail', instance }, { audience: service.did })
  await instance.connect(transport as never)
  const call = (id: number, params: unknown) =>
    transport.onmessage?.({ jsonrpc: '2.0', id, method: 'tools/call', params }, 'extra')
  return { transport, received, sent, call }
}

const refusal = (id: number, text: unknown) => ({
  ...{ jsonrpc: '2.0', id },
  result: { isError: true, content: [{ type: 'text', text }] },
})

describe('the server that claudeSession signs for', () => {
  it('AGT-25 receives a signed call whole, and other messages unchanged', async () => {
    const session = claudeSession(ofTwo, { tools, subject: other.did })
    await ask(session, ofMain)
    await ask(session, { tool_name: 'mcp__mail__list', tool_use_id: 'list' })
    const { transport, received, sent, call } = await connected(session)
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
    transport.onmessage?.(ping, 'extra')
    const _meta = { ...called('one')._meta, progressToken: 5, 'xyz.ucan/container': 'forged' }
    call(2, { name: 'send', arguments: bob, task: {}, _meta })
    await expect.poll(() => received).toHaveLength(2)
    call(3, { name: 'list', ...called('list') })
    await expect.poll(() => received).toHaveLength(3)
    expect(sent).toEqual([])
    const container = expect.any(String)
    const signed = { ..._meta, 'xyz.ucan/container': container }
    expect(received[0]).toEqual([true, ping, 'extra'])
    const params = { name: 'send', arguments: bob, task: {}, _meta: signed }
    expect(received[1]).toEqual([true, { jsonrpc: '2.0', id: 2, method: 'tools/call', params }, 'extra'])
    for (const [, message] of received.slice(1)) {
      const { invocations } = await openContainer(Object(message).params._meta['xyz.ucan/container'])
      expect(invocations.map(({ subject }) => subject)).toEqual([other.did])
    }
  })

  it('AGT-25 does not receive a call that is refused, whose answer has the reason', async () => {
    const session = claudeSession(ofTwo, { tools, subject: owner.did })
    await ask(session, ofMain)
    const unsure = claudeSession(ofTwo, { tools, approvable: 'passed' })
    const { received, sent, call } = await connected(session)
    const malformed: unknown[] = [
      null,
      undefined,
      5,
      'x',
      [],
      { name: 5 },
      { name: 'send', arguments: bob, _meta: null },
    ]
    for (const [id, params] of malformed.entries()) call(id, params)
    await expect.poll(() => sent).toHaveLength(malformed.length)
    const unknown = expect.stringContaining('the hook has not permitted the call of')
    expect(sent).toEqual(malformed.map((_, id) => refusal(id, unknown)))
    call(7, { name: 'send', arguments: { to: 'no address' }, ...called('one') })
    await expect.poll(() => sent).toHaveLength(8)
    expect(sent[7]).toEqual(refusal(7, expect.stringContaining('`to`')))
    call(8, { name: 'send', arguments: null, ...called('one') })
    await expect.poll(() => sent).toHaveLength(9)
    expect(sent[8]).toEqual(
      refusal(8, expect.stringMatching(/^the call could not be signed: .*`args` must be an object/)),
    )
    expect(received).toEqual([])
    await expect(ask(unsure, ofMain)).rejects.toThrow(ArgumentError)
  })

  it('does not end the process when its transport is gone and the callback for errors fails', async () => {
    const errors: unknown[] = []
    const { transport, call } = await connected(claudeSession(assistant, { tools }), (error) => {
      errors.push(error)
      throw new Error('a fault of the callback')
    })
    transport.send = () => Promise.reject(new Error('closed'))
    call(1, { name: 'send' })
    await expect.poll(() => errors.map(String)).toEqual(['Error: closed'])
  })
})
