import { describe, expect, it } from 'vitest'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { oneOf, text } from '../../src/core/capability/argument-types/basic.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError } from '../../src/errors.ts'
import { guardTools } from '../../src/mcp/guard-tools.ts'
import { type ServeToolsOptions, serveTools } from '../../src/mcp/serve-tools.ts'
import { withInvocation } from '../../src/mcp/with-invocation.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { actor } from '../support/actors.ts'
import { connect, openPair, serverOf, type TransportName } from './connections.ts'

const [owner, signer, self] = [await actor('owner'), await actor('agent'), await actor('service')]
const send = defineCommand({ command: '/mail/send', args: { to: email() }, description: 'Sends a mail.' })
const kinds = ['object', 'list', 'nothing', 'refusal', 'response', 'failure', 'function', 'map'] as const
const show = defineCommand({ command: '/mail/show', args: { kind: oneOf(kinds) } })
const remove = defineCommand({ command: '/mail/remove', args: { id: text() } })

const values: Readonly<Record<(typeof kinds)[number], () => unknown>> = {
  object: () => ({ subject: 'Hello', read: undefined }),
  list: () => [1, 2],
  nothing: () => undefined,
  refusal: () => new Response('no such mailbox', { status: 404 }),
  response: () => Response.json({ ok: true }),
  failure: () => {
    throw new Error('the password is sesame')
  },
  function: () => () => undefined,
  map: () => new Map([['a', 'sesame']]),
}

function setUp() {
  const sink = memoryAuditSink()
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [
      on(send, ({ args }) => `sent to ${args.to}`),
      on(show, ({ args }) => values[args.kind]()),
      on(remove, async ({ args }) => args.id),
    ],
    audit: { sink },
    ...memoryStores(),
  })
  return { service, sink }
}

const grants = await Promise.all([
  delegate({ issuer: owner, audience: signer.did, command: send, policy: [like('.to', '*@example.com')] }),
  delegate({ issuer: owner, audience: signer.did, command: show }),
])
const assistant = await openAgent({ signer, delegations: grants })

async function open(transport: TransportName, sdk: 1 | 2, options: ServeToolsOptions = {}, signs = true) {
  const { service, sink } = setUp()
  const build = () => {
    const made = serverOf(sdk)
    serveTools(made.server, service, options)
    return made
  }
  const wrap = <T extends { send(message: never, ...rest: never[]): Promise<void> }>(to: T): T =>
    withInvocation(to, assistant, { tools: options.tools ?? [send, show, remove], audience: self.did })
  const client = await connect(transport, { client: sdk, server: sdk }, build, signs ? wrap : undefined)
  const call = async (name: string, args: object): Promise<Readonly<Record<string, unknown>>> => {
    const { content, ...rest } = await client.call({ name, arguments: args })
    return { text: (content as { text: string }[]).map((part) => part.text).join(), ...rest }
  }
  return { client, call, sink, close: () => client.close() }
}

const cases = (['memory', 'stdio', 'http', 'http of 2026-07-28'] as const).flatMap((transport) =>
  ([1, 2] as const)
    .filter((sdk) => sdk === 2 || transport !== 'http of 2026-07-28')
    .map((sdk) => [transport, sdk] as const),
)

describe.each(cases)('serveTools over %s with the SDK %i', (transport, sdk) => {
  it('MCP-33 lists the commands of the service, with the schemas of toolOf', async () => {
    const { client, close } = await open(transport, sdk)
    const { tools } = (await client.list()) as { tools: { name: string }[] }
    expect(tools.map(({ name }) => name)).toEqual(['mail_send', 'mail_show', 'mail_remove'])
    expect(tools[0]).toMatchObject({
      description: 'Sends a mail.',
      inputSchema: {
        type: 'object',
        required: ['to'],
        properties: { to: { type: 'string' } },
        additionalProperties: false,
      },
    })
    await close()
  })

  it('MCP-33 runs the handler of an allowed call alone', async () => {
    const { call, sink, close } = await open(transport, sdk)
    expect(await call('mail_send', { to: 'bob@example.com' })).toMatchObject({ text: 'sent to bob@example.com' })
    expect(await call('mail_send', { to: 'eve@example.org' })).toMatchObject({ isError: true })
    expect(await call('mail_remove', { id: '1' })).toMatchObject({ isError: true })
    expect(sink.records().map(({ event }) => event.kind)).toEqual(['intent', 'outcome'])
    await close()
    const unsigned = await open(transport, sdk, {}, false)
    const unasked = await unsigned.call('mail_send', { to: 'bob@example.com' })
    expect([unasked['isError'], unasked['text']]).toEqual([
      true,
      expect.stringMatching(/^Denied \(container_missing\)/),
    ])
    expect(await unsigned.call('mail_other', {})).toMatchObject({ text: expect.stringMatching(/tool_unknown/) })
    await unsigned.close()
  })

  it('MCP-33 sends the value of the handler, and nothing of its error', async () => {
    const errors: unknown[] = []
    const onError = (error: unknown) => {
      errors.push(error)
      throw error
    }
    const { call, sink, close } = await open(transport, sdk, { onError })
    const shown = async (kind: string) => {
      const { _meta, ...result } = await call('mail_show', { kind })
      return result
    }
    expect(await shown('object')).toMatchObject({
      text: '{"subject":"Hello"}',
      structuredContent: { subject: 'Hello' },
    })
    expect(await shown('list')).toMatchObject({ text: '[1,2]' })
    expect(await shown('nothing')).toMatchObject({ text: '' })
    expect(await shown('response')).toMatchObject({ text: '{"ok":true}' })
    expect(await shown('refusal')).toMatchObject({ text: 'no such mailbox', isError: true })
    for (const kind of ['failure', 'function', 'map']) {
      const result = await call('mail_show', { kind })
      expect(result).toMatchObject({ text: expect.stringMatching(/^Failed \(handler_failed\)/), isError: true })
      expect(JSON.stringify(result)).not.toContain('sesame')
    }
    expect(errors.map(String)).toEqual([
      expect.stringContaining('sesame'),
      expect.stringContaining('written as JSON'),
      expect.stringContaining('is a map or a set, which JSON'),
    ])
    const outcomes = sink.records().flatMap(({ event }) => (event.kind === 'outcome' ? [event] : []))
    expect(outcomes.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok', ...Array(4).fill('error')])
    expect(JSON.stringify(sink.records())).not.toContain('sesame')
    await close()
  })

  it('MCP-33 serves the tools that are named, and no other', async () => {
    const { client, call, close } = await open(transport, sdk, { tools: { write: send } })
    const { tools } = (await client.list()) as { tools: { name: string }[] }
    expect(tools.map(({ name }) => name)).toEqual(['write'])
    expect(await call('write', { to: 'bob@example.com' })).toMatchObject({ text: 'sent to bob@example.com' })
    expect(await call('mail_send', { to: 'bob@example.com' })).toMatchObject({ isError: true })
    await close()
  })
})

describe('serveTools', () => {
  it('names the right order when the server is connected already', async () => {
    const { service } = setUp()
    for (const sdk of [1, 2] as const) {
      const { server } = serverOf(sdk)
      const [, other] = await openPair('memory', { client: sdk, server: sdk })
      await server.connect(other as never)
      expect(() => serveTools(server, service)).toThrow(
        'serveTools: `server` is connected already; call serveTools before `server.connect`',
      )
      await server.close()
    }
  })

  it('MCP-33 refuses an invalid service, tool or server when it is set up', () => {
    const { service } = setUp()
    const other = defineCommand({ command: '/mail/other', args: {} })
    const { server } = serverOf(1)
    expect(() => serveTools(server, service, { tools: [other] })).toThrow(/no handler for the tool `mail_other`/)
    expect(() => serveTools(server, service, { tools: { other: {} as never } })).toThrow(ArgumentError)
    expect(() => serveTools(server, service.guard as never)).toThrow(/must be a service; make it with createService/)
    expect(() => guardTools(server, service as never, { tools: [send] })).toThrow(
      /pass `service\.guard`, or use serveTools/,
    )
    expect(() => serveTools({} as never, service)).toThrow(/must be a server of/)
    expect(serveTools(server, service)).toBe(server)
    expect(() => serveTools(server, service)).toThrow(/guarded already/)
    expect(() => guardTools(server, service.guard, { tools: [send] })).toThrow(/guarded already/)
  })

  it.each([1, 2] as const)('MCP-33 with the SDK %i offers no tool that was registered there', async (sdk) => {
    const { service } = setUp()
    const build = () => {
      const made = serverOf(sdk)
      const callback = () => ({ content: [{ type: 'text', text: 'unguarded' }] })
      made.register({ name: 'mail_send', args: ['to'], callback })
      made.register({ name: 'other', args: [], callback })
      serveTools(made.server, service)
      return made
    }
    const wrap = <T extends { send(message: never, ...rest: never[]): Promise<void> }>(to: T): T =>
      withInvocation(to, assistant, { tools: [send, show], audience: self.did })
    const client = await connect('memory', { client: sdk, server: sdk }, build, wrap)
    const { tools } = (await client.list()) as { tools: { name: string }[] }
    expect(tools.map(({ name }) => name)).toEqual(['mail_send', 'mail_show', 'mail_remove'])
    const result = await client.call({ name: 'mail_send', arguments: { to: 'bob@example.com' } })
    expect(JSON.stringify(result.content)).toContain('sent to bob@example.com')
    await client.close()
  })
})
