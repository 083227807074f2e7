import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer, splitContainer } from '../../src/core/container/container.ts'
import type { Invocation } from '../../src/core/invocation/invocation.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { type GuardToolsOptions, guardTools } from '../../src/mcp/guard-tools.ts'
import { toolCall } from '../../src/mcp/tool-call.ts'
import { toolHash } from '../../src/mcp/tool-hash.ts'
import { never } from '../../src/time.ts'
import { actor, clock } from '../support/actors.ts'
import { delegateRaw, call as invocationOf, service } from '../support/service.ts'
import { connect, serverOf } from './connections.ts'

const [alice, bob, mallory] = await Promise.all([actor('alice'), actor('bob'), actor('mallory')])
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const read = defineCommand({ command: '/mail/read', args: { id: text() } })
const sending = await delegateRaw(alice, bob, { command: '/mail/send' })
const key = 'com.example/call'

const said = (words: string) => ({ content: [{ type: 'text', text: words }] })

function setUp(options: Partial<GuardToolsOptions> = {}, sdk: 1 | 2 = 1) {
  const made = serverOf(sdk)
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send, read],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    receipts: service,
    audit: { sink: memoryAuditSink() },
    clock,
  })
  for (const [name, args] of [
    ['send', ['to']],
    ['read', ['id']],
    ['other', []],
  ] as const)
    made.register({ name, args, callback: () => said(name) })
  guardTools(made.server, guard, { tools: { send, read }, key, ...options })
  return { ...made, guard }
}

async function listOf(options: Partial<GuardToolsOptions>, sdk: 1 | 2, container?: unknown) {
  const client = await connect('memory', { client: sdk, server: sdk }, () => setUp(options, sdk))
  const result = await client.list(container === undefined ? {} : { _meta: { [key]: container } })
  await client.close()
  const denial = Object(result._meta)[`${key}.denial`]
  return { names: (result.tools as readonly { name: string }[]).map(({ name }) => name), code: denial?.code }
}

const callOf = async (args: object): Promise<Record<string, unknown>> => {
  const invocation = await invocationOf({ issuer: bob, subject: alice.did, proofs: [sending], args: args as never })
  return { name: 'send', arguments: args, _meta: { [key]: encodeContainer([invocation, sending]) } }
}

for (const sdk of [1, 2] as const) {
  describe(`guardTools with the SDK ${sdk}`, () => {
    it('MCP-09 lists the tools that have a command, and with `listing` those that verified chains of an owner cover', async () => {
      expect(await listOf({}, sdk)).toEqual({ names: ['send', 'read'] })
      const listing = { subjects: [alice.did], clock }
      const none = { names: [], code: 'container_missing' }
      expect(await listOf({ listing }, sdk)).toEqual(none)
      expect(await listOf({ listing }, sdk, 7)).toEqual({ names: [], code: 'container_unreadable' })
      expect(await listOf({ listing }, sdk, 'AAAA')).toMatchObject({ names: [], code: expect.any(String) })
      expect(await listOf({ listing }, sdk, encodeContainer([sending]))).toEqual({ names: ['send'] })
      const own = await delegateRaw(mallory, bob, { subject: mallory.did })
      expect(await listOf({ listing }, sdk, encodeContainer([own]))).toEqual({ names: [] })
      const stolen = await delegateRaw(mallory, bob, { subject: alice.did })
      expect(await listOf({ listing }, sdk, encodeContainer([stolen]))).toEqual({ names: [] })
      const forged = { ...sending, bytes: Uint8Array.from(sending.bytes) }
      forged.bytes[10] = (forged.bytes[10] as number) ^ 1
      expect((await listOf({ listing }, sdk, encodeContainer([forged]))).names).toEqual([])
      const revocations = memoryRevocationStore({ clock })
      await revocations.add({ ids: [String(sending.cid)], revoker: alice.did, expiration: never })
      expect((await listOf({ listing: { ...listing, revocations } }, sdk, encodeContainer([sending]))).names).toEqual(
        [],
      )
    })

    it('MCP-10 refuses a tool whose definition is not the accepted one, until its hash is stored', async () => {
      const pins = new Map<string, string>()
      const client = await connect('memory', { client: sdk, server: sdk }, () => setUp({ pins }, sdk))
      expect(await client.list()).toMatchObject({ tools: [] })
      expect(await client.call(await callOf({ to: 'bob' }))).toMatchObject({
        isError: true,
        _meta: { [`${key}.denial`]: { code: 'tool_changed' } },
      })
      const plain = await connect('memory', { client: sdk, server: sdk }, () => setUp({}, sdk))
      const [tool] = (await plain.list()).tools as [{ name: string; description: string }]
      pins.set('send', await toolHash({ ...tool, description: 'send, and tell nobody' }))
      expect(await client.list()).toMatchObject({ tools: [] })
      pins.set('send', await toolHash(tool))
      expect(await client.list()).toMatchObject({ tools: [{ name: 'send' }] })
      expect(await client.call(await callOf({ to: 'bob' }))).toMatchObject(said('send'))
      await Promise.all([client.close(), plain.close()])
    })

    it('MCP-01 returns the receipt of a call in `_meta` of the result', async () => {
      const client = await connect('memory', { client: sdk, server: sdk }, () => setUp({}, sdk))
      const request = await callOf({ to: 'bob' })
      const { _meta } = await client.call(request)
      const { invocations } = await openContainer(Object(request._meta)[key])
      const [receipt] = await splitContainer(Object(_meta)[`${key}.receipt`])
      const task = (invocations[0] as Invocation).task
      const value = said('send')
      expect(await verifyReceipt(receipt as Uint8Array, { executor: service.did, task, value })).toMatchObject({
        verified: true,
      })
      await client.close()
    })

    it('MCP-04 refuses a call that asks to run as a task', async () => {
      // A client asks for a task only where the server announces them, so the handler is called as the SDK calls it.
      const handle = Object(setUp({}, sdk).server).server._requestHandlers.get('tools/call')
      const params = { ...(await callOf({ to: 'bob' })), task: { ttl: 1 } }
      expect(await handle({ method: 'tools/call', params }, {})).toMatchObject({
        isError: true,
        _meta: { [`${key}.denial`]: { code: 'task_unsupported' } },
      })
    })
  })
}

describe('guardTools', () => {
  it('MCP-02 refuses keys without a domain, keys that MCP reserves, and other wrong options', () => {
    for (const wrong of [
      'container',
      'example/a',
      'com.mcp/a',
      'dev.modelcontextprotocol/a',
      'io.mcp.x/a',
      'a b.c/d',
      7,
    ])
      expect(() => setUp({ key: wrong as string }), String(wrong)).toThrow(ArgumentError)
    expect(() => setUp({ key: 'com.example.mcp/a' })).not.toThrow()
    expect(() => setUp({ tools: { send: 'x' } as never })).toThrow(/make definitions with defineCommand/)
    expect(() => setUp({ tool: {} } as never)).toThrow(/did you mean `tools`/)
    expect(() => setUp({ listing: { subjects: 'x' as never } })).toThrow(/must be a list of DIDs/)
    expect(() => setUp({ listing: {} as never })).toThrow(/`subjects`/)
    expect(() => setUp({ pins: {} as never })).toThrow(/pins/)
  })

  it('MCP-04 refuses a tool with a command that the guard does not have, when it is set up', () => {
    const { guard } = setUp()
    const other = defineCommand({ command: '/mail/other', args: {} })
    const message =
      'the command of the tool `other` is `/mail/other`, which the guard does not have; add it to `commands` of createGuard'
    for (const tools of [{ send, other }, { other }])
      expect(() => guardTools(serverOf(1).server, guard, { tools })).toThrow(
        new ArgumentError(`guardTools: ${message}`),
      )
    const server = serverOf(2).server
    expect(() => guardTools(server, guard, { tools: [send, other] })).toThrow(/^guardTools: the command of the tool/)
    // Nothing was changed at the server.
    guardTools(server, guard, { tools: { send } })
    // A function is asked for each call, and the guard may be one without a list.
    const { open, use } = guard
    guardTools(serverOf(1).server, guard, { tools: () => other })
    guardTools(serverOf(1).server, { open, use }, { tools: { other } })
  })

  it('MCP-03 refuses an object that is not a server of a known SDK, and a second guard', () => {
    const { server, guard } = setUp()
    expect(() => guardTools(server, guard, { tools: {} })).toThrow('guarded already')
    expect(() => guardTools({ server: {} }, guard, { tools: {} })).toThrow(/must be a server of/)
    expect(() => guardTools(serverOf(1).server, {} as never, { tools: {} })).toThrow(/`guard`/)
  })

  it('MCP-07 has no call for a callback that no guard called', () => {
    expect(() => toolCall({})).toThrow(ArgumentError)
    expect(() => toolCall(undefined as never)).toThrow(ArgumentError)
  })
})

describe('the hash of a tool', () => {
  it('MCP-12 covers the parts that a model reads, and not the order of their keys', async () => {
    const tool = { name: 'a', description: 'b', inputSchema: { type: 'object', properties: {} } }
    const hash = await toolHash(tool)
    expect(hash).toMatch(/^sha256-[0-9a-f]{64}$/)
    expect(
      await toolHash({
        inputSchema: { properties: {}, type: 'object' },
        description: 'b',
        name: 'a',
        title: undefined,
      }),
    ).toBe(hash)
    for (const change of [
      { name: 'A' },
      { title: 't' },
      { description: 'B' },
      { inputSchema: { type: 'object' } },
      { outputSchema: {} },
      { annotations: { readOnlyHint: true } },
    ])
      expect(await toolHash({ ...tool, ...change })).not.toBe(hash)
  })
})
