import { describe, expect, it } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { guardTools } from '../../src/mcp/guard-tools.ts'
import { denialResult } from '../../src/mcp/tool-denial.ts'
import { withInvocation } from '../../src/mcp/with-invocation.ts'
import { actor, clock } from '../support/actors.ts'
import { delegateRaw, service } from '../support/service.ts'
import { connect, serverOf, type TestServer, type TransportName, type Wrap } from './connections.ts'

const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
const key = 'xyz.ucan/container'
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const read = defineCommand({ command: '/mail/read', args: {} })
const proof = await delegateRaw(alice, bob, { command: '/mail/send', policy: [['like', '.to', '*@example.com']] })
const tools = { send, read }

function setUp(sdk: 1 | 2) {
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send, read],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink: memoryAuditSink() },
    clock,
  })
  return (): TestServer => {
    const made = serverOf(sdk)
    for (const [name, args] of [
      ['send', ['to']],
      ['read', []],
    ] as const)
      made.register({ name, args, callback: () => ({ content: [{ type: 'text', text: 'done' }] }) })
    guardTools(made.server, guard, { tools, listing: { subjects: [alice.did], clock } })
    return made
  }
}

async function signing(sent: unknown[]): Promise<Wrap> {
  const agent = await openAgent({ signer: bob, delegations: [proof], clock })
  return (transport) => {
    const { send } = transport
    transport.send = (async (message: never, ...rest: never[]) => {
      sent.push(message)
      return send.call(transport, message, ...rest)
    }) as never
    return withInvocation(transport, agent, { tools, audience: service.did })
  }
}

const combinations: readonly (readonly [TransportName, 1 | 2, 1 | 2])[] = [
  ['memory', 1, 2],
  ['stdio', 2, 1],
  ['http', 1, 1],
  ['http', 2, 2],
  ['http of 2026-07-28', 2, 2],
]

it('MCP-05 a denial for another command does not advise other arguments, which cannot help', () => {
  const adviceFor = (code: string): string =>
    denialResult(key, { code, message: 'no', approvable: true }).content[0]?.text ?? ''
  expect(adviceFor('policy_unsatisfied')).toMatch(/ask for it, or change the arguments\.$/)
  expect(adviceFor('command_not_covered')).toMatch(/could permit this call; ask for it\.$/)
})

describe('a client that connects with withInvocation', () => {
  for (const [transport, client, server] of combinations) {
    it(`MCP-13 MCP-14 MCP-15 signs and is refused early: ${transport}, client of SDK ${client}, server of SDK ${server}`, async () => {
      const sent: { readonly method: string; readonly params: { readonly _meta: Record<string, string> } }[] = []
      const connection = await connect(transport, { client, server }, setUp(server), await signing(sent))
      expect(await connection.list()).toMatchObject({ tools: [{ name: 'send' }] })
      const inside = { name: 'send', arguments: { to: 'carol@example.com' } }
      for (let repetition = 0; repetition < 2; repetition += 1)
        expect(await connection.call(inside)).toMatchObject({ content: [{ text: 'done' }] })
      const before = sent.length
      const outside = await connection.call({ name: 'send', arguments: { to: 'carol@evil.example' } })
      expect(outside).toMatchObject({ isError: true, _meta: { [`${key}.denial`]: { code: 'policy_unsatisfied' } } })
      const notHeld = await connection.call({ name: 'read', arguments: {} })
      expect(notHeld).toMatchObject({ isError: true, _meta: { [`${key}.denial`]: { code: 'command_not_covered' } } })
      for (const args of ['{"to":{"__proto__":{}}}', `{"to":"${'b'.repeat(70_000)}@example.com"}`]) {
        const result = await connection.call({ name: 'send', arguments: JSON.parse(args) })
        expect(result).toMatchObject({ isError: true, _meta: { [`${key}.denial`]: { code: 'malformed' } } })
        expect(JSON.stringify(result)).not.toContain('b'.repeat(20))
      }
      for (const args of [null, [], ['carol@example.com'], 'carol@example.com', 7]) {
        const result = await connection.call({ name: 'send', arguments: args as never })
        expect(result).toMatchObject({ isError: true, _meta: { [`${key}.denial`]: { code: 'malformed' } } })
      }
      const unknown = await connection.call({ name: 'constructor', arguments: {} })
      expect(unknown).toMatchObject({ isError: true, _meta: { [`${key}.denial`]: { code: 'tool_unknown' } } })
      expect(sent.length).toBe(before)
      const list = sent.find(({ method }) => method === 'tools/list')
      const { delegations, invocations } = await openContainer(list?.params._meta[key] as string)
      expect([delegations.length, invocations.length]).toEqual([1, 0])
      await connection.close()
    })
  }

  it('MCP-13 a call that is cancelled while it is signed is not sent', async () => {
    const sent: unknown[] = []
    let signed = (_: unknown): void => undefined
    const agent = {
      authorize: () => new Promise((settle) => (signed = settle)),
      capabilities: async () => [],
    }
    const transport = { send: async (message: unknown) => void sent.push(message) }
    const wrapped = withInvocation(transport as never, agent as never, { tools }) as typeof transport
    const call = wrapped.send({ id: 1, method: 'tools/call', params: { name: 'send', arguments: {} } })
    await wrapped.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    signed({ ok: true, container: 'C' })
    await call
    expect(sent).toEqual([])
  })

  it('MCP-13 MCP-15 takes null for absent parameters and `_meta`, and passes other malformed parameters on', async () => {
    const [sent, answers]: [{ method: string; params: unknown }[], object[]] = [[], []]
    const transport = {
      send: async (message: object) => void sent.push(message as never),
      onmessage: (one: object) => void answers.push(one),
    }
    const agent = await openAgent({ signer: bob, delegations: [proof], clock })
    const wrapped = withInvocation(transport as never, agent, { tools, audience: service.did }) as typeof transport
    const signed = { [key]: expect.any(String) }
    for (const [params, expected] of [
      [undefined, { _meta: signed }],
      [null, { _meta: signed }],
      [{ _meta: null }, { _meta: signed }],
      [
        { cursor: 'a', _meta: 'abc' },
        { cursor: 'a', _meta: signed },
      ],
      [{ _meta: ['a'] }, { _meta: signed }],
      [['a'], ['a']],
      ['abc', 'abc'],
    ]) {
      await wrapped.send({ id: 1, method: 'tools/list', params })
      expect(sent.pop()?.params, JSON.stringify(params)).toEqual(expected)
    }
    for (const _meta of [null, 'abc', ['a'], 7]) {
      const params = { name: 'send', arguments: { to: 'carol@example.com' }, _meta }
      await wrapped.send({ id: 2, method: 'tools/call', params })
      expect(sent.pop()?.params, JSON.stringify(_meta)).toEqual({ ...params, _meta: signed })
    }
    for (const params of [null, 'abc', ['send'], undefined]) {
      await wrapped.send({ id: 3, method: 'tools/call', params })
      expect(answers.pop()).toMatchObject({ result: { _meta: { [`${key}.denial`]: { code: 'tool_unknown' } } } })
      await wrapped.send({ method: 'notifications/cancelled', params })
      expect(sent.pop()).toEqual({ method: 'notifications/cancelled', params })
    }
    expect([sent, answers]).toEqual([[], []])
  })

  it('passes other messages unchanged, and refuses wrong options', async () => {
    const sent: unknown[] = []
    const transport = { send: async (...message: unknown[]) => void sent.push(message) }
    const agent = await openAgent({ signer: bob, clock })
    const wrapped = withInvocation(transport as never, agent, { tools }) as typeof transport
    const ping = { id: 1, method: 'ping' }
    await wrapped.send(ping, { resumptionToken: 'a' })
    const list = { id: 2, method: 'tools/list' }
    await wrapped.send(list)
    expect(sent).toEqual([[ping, { resumptionToken: 'a' }], [list]])
    expect(() => withInvocation({} as never, agent, { tools })).toThrow(ArgumentError)
    expect(() => withInvocation(transport as never, {} as never, { tools })).toThrow(ArgumentError)
    expect(() => withInvocation(transport as never, agent, { tools: 'x' as never })).toThrow(ArgumentError)
    expect(() => withInvocation(transport as never, agent, { tools, key: 'x' })).toThrow(ArgumentError)
  })

  it('MCP-13 signs for the subject, with the command that a function finds, and replaces a container', async () => {
    const other = await actor('other')
    const all = await delegateRaw(other, bob, { command: '/mail' })
    const agent = await openAgent({ signer: bob, delegations: [proof, all], clock })
    const [sent, asked]: [{ params: { _meta: Record<string, unknown> } }[], unknown[]] = [[], []]
    const answers: object[] = []
    const transport = {
      send: async (message: never) => void sent.push(message),
      onmessage: (one: object) => void answers.push(one),
    }
    const find = (tool: string) => {
      asked.push(tool)
      return tool === 'read' ? '/mail/send' : undefined
    }
    const { send } = withInvocation(transport as never, agent, {
      tools: find,
      subject: other.did,
      audience: service.did,
    }) as typeof transport
    const call = (id: number, params: object) => send({ jsonrpc: '2.0', id, method: 'tools/call', params } as never)
    const to = 'carol@example.com'
    await call(1, { name: 'read', arguments: { to }, _meta: { [key]: 'forged', progressToken: 5 } })
    const { invocations } = await openContainer(sent[0]?.params._meta[key] as string)
    expect(invocations.map(({ subject, args }) => [subject, args])).toEqual([[other.did, { to }]])
    expect(sent[0]?.params._meta).toMatchObject({ progressToken: 5 })
    await send({ jsonrpc: '2.0', id: 2, method: 'tools/list' } as never)
    const { delegations } = await openContainer(sent[1]?.params._meta[key] as string)
    expect(delegations.map(({ cid }) => String(cid))).toEqual([String(all.cid)])
    for (const name of [7, ['read'], { toString: 'read' }, undefined]) await call(3, { name })
    expect(asked).toEqual(['read'])
    expect(answers).toHaveLength(4)
    for (const answer of answers) expect(Object(answer).result).not.toHaveProperty('resultType')
    // Without a subject the agent cannot choose: a mistake of the program, which is not an answer for the model.
    const unsure = withInvocation(transport as never, agent, {
      tools: { mail_send: '/mail/send' },
      audience: service.did,
    }) as typeof transport
    const message = {
      jsonrpc: '2.0',
      id: 4,
      method: 'tools/call',
      params: { name: 'mail_send', arguments: { to: 'carol@example.com' } },
    }
    await expect(unsure.send(message as never)).rejects.toThrow(ArgumentError)
    expect([sent.length, answers.length]).toEqual([2, 4])
  })

  it('MCP-13 aborts the signing of a cancelled call, whose error is not one of the client, and forgets it', async () => {
    const [sent, signals]: [unknown[], AbortSignal[]] = [[], []]
    const agent = {
      authorize: ({ signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => {
          signals.push(signal)
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
      capabilities: async () => [],
    }
    const transport = { send: async (message: unknown) => void sent.push(message) }
    const wrapped = withInvocation(transport as never, agent as never, { tools }) as typeof transport
    const call = wrapped.send({ id: 1, method: 'tools/call', params: { name: 'send' } })
    const cancel = { method: 'notifications/cancelled', params: { requestId: 1 } }
    await wrapped.send(cancel)
    await call
    expect([sent, signals.map((signal) => signal?.aborted)]).toEqual([[], [true]])
    // The request of this id is not being signed any more, so the server learns of it.
    await wrapped.send(cancel)
    expect(sent).toEqual([cancel])
  })

  it('is the transport in all other respects: its methods, its callbacks and its fields', async () => {
    class Transport {
      #closed = false
      onclose?: () => void
      async send(): Promise<void> {}
      async close(): Promise<void> {
        this.#closed = true
        this.onclose?.()
      }
      set isClosed(value: boolean) {
        this.#closed = value
      }
      get isClosed(): boolean {
        return this.#closed
      }
    }
    const transport = new Transport()
    const agent = await openAgent({ signer: bob, clock })
    const wrapped = withInvocation(transport, agent, { tools })
    const closed: unknown[] = []
    const onclose = function (this: unknown) {
      closed.push(this)
    }
    wrapped.onclose = onclose
    expect([wrapped.onclose, transport.onclose]).toEqual([onclose, onclose])
    expect(wrapped.onclose).toBe(onclose)
    await wrapped.close()
    expect([wrapped.isClosed, closed.length]).toEqual([true, 1])
    wrapped.isClosed = false
    expect(transport.isClosed).toBe(false)
    for (const wrong of [{ audience: 5 }, { subject: 5 }])
      expect(() => withInvocation(transport, agent, { tools, ...(wrong as object) })).toThrow(ArgumentError)
  })
})
