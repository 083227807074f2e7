import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../../src/errors.ts'
import { relayTools } from '../../../src/mcp/relay/relay-tools.ts'
import { toolHash } from '../../../src/mcp/tool-hash.ts'
import { service } from '../../support/service.ts'
import { callOf, key, type Loose, openRelay, said, side } from './relay.ts'

const isCall = ({ method }: Loose): boolean => method === 'tools/call'
const isList = ({ method }: Loose): boolean => method === 'tools/list'
/** A program tells it from an error of the server, which can have every code. */
const refusal = {
  isError: true,
  _meta: {
    [`${key}.denial`]: { code: 'overloaded', message: 'too many requests are in progress', requirement: 'MCP-37' },
  },
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('relayTools', () => {
  it('MCP-09 marks a list that depends on its caller as private, where the server has a cache for it', async () => {
    for (const [given, listing, expected] of [
      ['public', true, 'private'],
      ['private', true, 'private'],
      [undefined, true, undefined],
      ['public', false, 'public'],
    ] as const) {
      const { client, server } = await openRelay(listing ? { listing: { subjects: [service.did] } } : {})
      void client.deliver({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
      const asked = await server.next(isList)
      const result = { tools: [], ...(given !== undefined && { cacheScope: given }) }
      await server.deliver({ jsonrpc: '2.0', id: asked.id, result })
      const answer = await client.next(({ id }) => id === 1)
      expect.soft(answer.result.cacheScope, `${given} ${listing}`).toBe(expected)
    }
  })

  it('MCP-20 passes every other message unchanged, in both directions', async () => {
    const { client, server, errors } = await openRelay()
    const up: readonly Loose[] = [
      { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 'a', method: 'resources/read', params: { uri: 'file:///a', _meta: { progressToken: 1 } } },
      { jsonrpc: '2.0', id: 1.5, method: 'prompts/list', params: [] },
      { jsonrpc: '2.0', id: -1, method: 'ping', params: JSON.parse('{"__proto__":{"a":1}}') },
      { jsonrpc: '2.0', id: '', method: 'tasks/get', params: { taskId: 't' }, more: { kept: true } },
      { jsonrpc: '2.0', id: 'x', method: 'unknown/method' },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x', reason: 'late' } },
      { jsonrpc: '2.0', method: 'notifications/unknown', params: { a: [null] } },
    ]
    for (const message of up) await client.deliver(message)
    expect(server.sent.map((one) => JSON.stringify(one))).toEqual(up.map((one) => JSON.stringify(one)))
    const down: readonly Loose[] = [
      { jsonrpc: '2.0', id: 0, result: { protocolVersion: '2025-11-25', instructions: 'hello' } },
      { jsonrpc: '2.0', id: 'a', error: { code: -32_002, message: 'not found', data: { uri: 'a' } } },
      { jsonrpc: '2.0', id: 0, method: 'sampling/createMessage', params: { maxTokens: 1 } },
      { jsonrpc: '2.0', id: 'e', method: 'elicitation/create', params: { _meta: { a: 1 } } },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
    ]
    for (const message of down) await server.deliver(message)
    expect(client.sent).toEqual(down)
    const answers = [
      { jsonrpc: '2.0', id: 'e', result: { action: 'decline', _meta: { b: 2 } } },
      { jsonrpc: '2.0', id: 0, error: { code: -1, message: 'no' } },
    ]
    for (const message of answers) await client.deliver(message)
    expect(server.sent.slice(up.length)).toEqual(answers)
    expect(errors).toEqual([])
  })

  it('MCP-34 sends no parameter beside the signed ones, but answers in versions without sessions', async () => {
    const { client, server } = await openRelay()
    const answers = { inputResponses: { a: { action: 'accept' } }, requestState: 's' }
    const beside = { args: { to: 'eve' }, input: 1, toolName: 'other', ...answers }
    for (const isStateless of [false, true]) {
      const call = await callOf(isStateless ? 'b' : 'a')
      const version = isStateless ? { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } : {}
      const params = { ...call.params, ...beside, _meta: { ...call.params._meta, ...version } }
      void client.deliver({ ...call, params })
      const sent = await server.next(isCall)
      expect(sent.params).toEqual({
        ...{ name: 'send', arguments: { to: 'carol@example.com' }, _meta: { progressToken: 7, ...version } },
        ...(isStateless && answers),
      })
      await server.deliver({ jsonrpc: '2.0', id: sent.id, result: said('sent') })
      await client.next()
    }
  })

  it.each([
    ['refusal', { jsonrpc: '2.0', id: 1, method: 'resources/read' }, -32_601],
    ['fault', { jsonrpc: '2.0', id: 1, method: 5 }, -32_600],
  ])('MCP-23 takes the next request when the %s of the one before is written', async (_, message, code) => {
    const { client } = await openRelay({ passes: () => false })
    const taken = client.deliver(message) as unknown
    expect(taken).toBeInstanceOf(Promise)
    await taken
    expect(client.sent).toMatchObject([{ id: 1, error: { code } }])
  })

  it('MCP-20 MCP-22 sends an allowed call under an id of its own, and returns its result under the id of the client', async () => {
    const { client, server, records } = await openRelay()
    for (const id of [1, 'one', -0.5, '']) {
      void client.deliver(await callOf(id))
      const call = await server.next(isCall)
      expect(call.params).toEqual({ name: 'send', arguments: { to: 'carol@example.com' }, _meta: { progressToken: 7 } })
      expect(call.id).toMatch(/^procura-[0-9a-f-]{36}-\d+$/)
      // The server cannot answer the call by the id of the client.
      await server.deliver({ jsonrpc: '2.0', id, result: said('a lie') })
      await server.deliver({ jsonrpc: '2.0', id: call.id, result: { ...said('sent'), _meta: { a: 1 } } })
      const answer = await client.next()
      expect(answer).toMatchObject({ jsonrpc: '2.0', id, result: { ...said('sent'), _meta: { a: 1 } } })
      expect(answer.result._meta[`${key}.receipt`]).toEqual(expect.any(String))
    }
    expect(client.sent).toHaveLength(4)
    expect(records()).toEqual(Array.from({ length: 4 }, () => ['intent', 'outcome ok']).flat())
  })

  it('MCP-20 refuses a call as guardTools does, and sends nothing', async () => {
    const { client, server, records } = await openRelay()
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const inside = await callOf(1)
    const { [key]: container } = inside.params._meta
    const cases: readonly (readonly [string, Loose])[] = [
      ['container_missing', { name: 'send', arguments: { to: 'a@example.com' } }],
      ['container_unreadable', { name: 'send', arguments: {}, _meta: { [key]: 7 } }],
      ['tool_unknown', { name: '__proto__', arguments: {}, _meta: { [key]: container } }],
      ['malformed', { arguments: {} }],
      ['malformed', undefined],
      ['malformed', ['send']],
      ['task_unsupported', { ...inside.params, task: {} }],
      ['request_mismatch', { ...inside.params, arguments: { to: 'dave@example.com' } }],
      ['policy_unsatisfied', (await callOf(1, 'carol@evil.example')).params],
      ['malformed', { ...inside.params, arguments: 'x' }],
    ]
    for (const [code, params] of cases) {
      void client.deliver({ jsonrpc: '2.0', id: 9, method: 'tools/call', ...(params !== undefined && { params }) })
      const { id, result } = await client.next()
      expect([id, result.isError, result._meta[`${key}.denial`].code], code).toEqual([9, true, code])
      expect(result.resultType).toBeUndefined()
    }
    void client.deliver(await callOf(3, 'carol@evil.example', meta))
    expect((await client.next()).result.resultType).toBe('complete')
    expect(server.sent).toEqual([])
    expect(records().every((one) => one.startsWith('denied'))).toBe(true)
  })

  it('MCP-20 passes no other way to call a tool', async () => {
    const { client, server, errors } = await openRelay()
    for (const method of [
      'tools/callBatch',
      'Tools/Call',
      ' tools/call',
      'tools',
      'tools/call\n',
      'tools\u0000/call',
    ]) {
      await client.deliver({ jsonrpc: '2.0', id: 1, method, params: { name: 'send' } })
      expect(await client.next()).toMatchObject({ id: 1, error: { code: -32_601 } })
    }
    for (const message of [
      { jsonrpc: '2.0', method: 'tools/call', params: { name: 'send' } },
      { jsonrpc: '2.0', id: null, method: 'tools/call', params: { name: 'send' } },
      { jsonrpc: '2.0', id: 1, method: ['tools/call'], params: { name: 'send' } },
      { jsonrpc: '2.0', id: 1, method: 'tools/call', result: {} },
      { jsonrpc: '2.0', id: {}, method: 'tools/call' },
      { jsonrpc: '1.0', id: 1, method: 'tools/call' },
      { id: 1, method: 'tools/call' },
      [[{ jsonrpc: '2.0', id: 1, method: 'ping' }]],
    ])
      await client.deliver(message)
    expect(server.sent).toEqual([])
    expect(errors.length).toBeGreaterThan(5)
  })

  it('MCP-21 answers malformed requests, and drops what nobody waits for', async () => {
    const { client, server, errors } = await openRelay()
    const malformed: readonly (readonly [unknown, unknown])[] = [
      [7, null],
      ['{', null],
      [null, null],
      [[], null],
      [{ jsonrpc: '2.0', id: 3, method: 3 }, 3],
      [{ jsonrpc: '2.0', id: true, method: 'ping' }, null],
      [{ jsonrpc: '2.0', id: Number.NaN, method: 'ping' }, null],
      [{ jsonrpc: '2.0', id: 4, method: 'ping', error: {} }, 4],
      [{ jsonrpc: '2.0', id: 'x'.repeat(1_025), method: 'ping' }, null],
    ]
    for (const [message, id] of malformed) {
      await client.deliver(message)
      expect(client.sent.pop()).toMatchObject({ id, error: { code: -32_600 } })
    }
    for (const message of [
      { jsonrpc: '2.0', id: 1 },
      { jsonrpc: '2.0', id: 1, result: 1, error: 1 },
      { jsonrpc: '2.0', id: 1, result: {} },
    ])
      await client.deliver(message)
    for (const message of [
      7,
      null,
      [[]],
      {},
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: null, error: {} },
      { jsonrpc: '2.0', id: 'x'.repeat(1_025), method: 'ping' },
    ])
      await server.deliver(message)
    expect([client.sent, server.sent]).toEqual([[], []])
    expect(errors).toHaveLength(18)
    await server.deliver({ jsonrpc: '2.0', id: 'x'.repeat(1_024), method: 'ping' })
    expect(client.sent).toHaveLength(1)
  })

  it('MCP-21 refuses an id that is in use, and more requests than it keeps', async () => {
    const { client, server } = await openRelay()
    void client.deliver(await callOf(1))
    await server.next(isCall)
    const ping = (id: unknown): Loose => ({ jsonrpc: '2.0', id, method: 'ping' })
    await client.deliver(ping(1))
    expect(client.sent.pop()).toMatchObject({ id: 1, error: { code: -32_600 } })
    for (let id = 2; id <= 1_000; id += 1) await client.deliver(ping(id))
    expect(server.sent).toHaveLength(1_000)
    await client.deliver(ping(2_000))
    expect(client.sent.pop()).toMatchObject({ error: { code: -32_000 } })
    await client.deliver(await callOf(2_001))
    expect(client.sent.pop()).toMatchObject({ id: 2_001, result: refusal })
    await server.deliver({ jsonrpc: '2.0', id: 2, result: {} })
    await client.deliver(ping(2_000))
    expect(server.sent).toHaveLength(1_001)
    for (let id = 0; id <= 1_000; id += 1) await server.deliver({ jsonrpc: '2.0', id, method: 'ping' })
    expect(server.sent.at(-1)).toMatchObject({ id: 1_000, error: { code: -32_000 } })
  })

  it('MCP-37 refuses more requests, and larger calls, than its options permit', async () => {
    const { client, server } = await openRelay({ maxInProgress: 3, maxCharacters: 9_000 })
    const large = async (id: number, length: number): Promise<Loose> => {
      const call = await callOf(id)
      return { ...call, params: { ...call.params, _meta: { ...call.params._meta, more: 'x'.repeat(length) } } }
    }
    const refused = { result: refusal }
    await client.deliver(await large(1, 9_000))
    expect(client.sent.pop()).toMatchObject({ id: 1, ...refused })
    void client.deliver(await large(2, 4_000))
    const call = await server.next(isCall)
    await client.deliver(await large(3, 4_000))
    expect(client.sent.pop()).toMatchObject({ id: 3, ...refused })
    for (const id of ['a', 'b', 'c']) await client.deliver({ jsonrpc: '2.0', id, method: 'ping' })
    const error = { code: -32_000, message: 'too many requests are in progress' }
    expect(client.sent.pop()).toMatchObject({ id: 'c', error })
    // A call that was answered leaves its place, and its characters.
    await server.deliver({ jsonrpc: '2.0', id: call.id, result: said('sent') })
    expect(await client.next(({ id }) => id === 2)).toMatchObject({ result: said('sent') })
    void client.deliver(await large(4, 4_000))
    expect(await server.next(isCall)).toBeDefined()
    await expect(openRelay({ maxInProgress: 0 })).rejects.toThrow(ArgumentError)
  })

  it('MCP-38 drops a batch of the server with more than 100 messages', async () => {
    const { client, server, errors } = await openRelay()
    const batch = (count: number): Loose[] =>
      Array.from({ length: count }, () => ({ jsonrpc: '2.0', method: 'notifications/message' }))
    await server.deliver(batch(101))
    expect([client.sent, errors.length]).toEqual([[], 1])
    await server.deliver(batch(100))
    expect(client.sent).toHaveLength(100)
  })

  it('MCP-38 takes batches apart, and answers them together', async () => {
    const { client, server, records } = await openRelay()
    const ping = { jsonrpc: '2.0', id: 'p', method: 'ping' }
    const other = { jsonrpc: '2.0', id: 'q', method: 'ping' }
    void client.deliver([
      await callOf(1),
      ping,
      { jsonrpc: '2.0', method: 'notifications/a' },
      await callOf(2, 'x'),
      other,
      {},
      8,
    ])
    const call = await server.next(isCall)
    await client.deliver({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } })
    await server.deliver([
      { jsonrpc: '2.0', id: 'p', result: {} },
      { jsonrpc: '2.0', method: 'notifications/b' },
    ])
    expect(client.sent).toEqual([{ jsonrpc: '2.0', method: 'notifications/b' }])
    await server.deliver({ jsonrpc: '2.0', id: call.id, result: said('sent') })
    const answers = await client.next(Array.isArray)
    expect(answers.map(({ id }: Loose) => id).sort()).toEqual([1, 2, null, 'p'].sort())
    expect(records()).toContain('denied policy_unsatisfied')
    for (const batch of [[], Array.from({ length: 101 }, () => ping)]) {
      await client.deliver(batch)
      expect(client.sent.pop()).toMatchObject({ id: null, error: { code: -32_600 } })
    }
  })

  it('MCP-21 has room for a request of the server again when the server cancels one', async () => {
    const { client, server } = await openRelay()
    const ask = (id: number): unknown => server.deliver({ jsonrpc: '2.0', id, method: 'ping' })
    for (let id = 0; id < 1_000; id++) await ask(id)
    await ask(1_000)
    expect(server.sent).toMatchObject([{ id: 1_000, error: { message: 'too many requests are in progress' } }])
    await server.deliver({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } })
    await server.deliver({ jsonrpc: '2.0', method: 'notifications/cancelled' })
    await ask(1_001)
    await ask(1_002)
    expect(client.sent.at(-1)).toMatchObject({ id: 1_001, method: 'ping' })
    expect(server.sent.slice(1)).toMatchObject([{ id: 1_002, error: { message: 'too many requests are in progress' } }])
  })

  it('MCP-23 cancels a call while it is decided, and one that the server has', async () => {
    const pins = { get: () => new Promise<string>((resolve) => (found = () => resolve('none'))) }
    let found = (): void => undefined
    const early = await openRelay({ pins })
    void early.client.deliver(await callOf(1))
    const list = await early.server.next(isList)
    await early.server.deliver({ jsonrpc: '2.0', id: list.id, result: { tools: [{ name: 'send' }] } })
    await turn()
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
    await early.client.deliver(cancelled)
    found()
    await turn()
    await early.relay.close()
    expect([early.client.sent, early.server.sent, early.records()]).toEqual([[], [list], []])

    const late = await openRelay()
    void late.client.deliver(await callOf(1))
    const call = await late.server.next(isCall)
    await late.client.deliver(cancelled)
    expect(await late.server.next()).toEqual({ ...cancelled, params: { requestId: call.id } })
    await late.server.deliver({ jsonrpc: '2.0', id: call.id, result: said('sent') })
    await late.relay.close()
    expect(late.client.sent).toEqual([])
    expect(late.records()).toEqual(['intent', 'outcome unknown cancelled'])
    expect(late.errors).toEqual([])
  })

  it('MCP-23 MCP-25 answers in words when the server ends, and records the outcome as unknown', async () => {
    const { client, server, relay, records } = await openRelay()
    void client.deliver(await callOf(1))
    await server.next(isCall)
    await client.deliver({ jsonrpc: '2.0', id: 2, method: 'resources/list' })
    await server.transport.close()
    await relay.closed
    const [passed, failed] = [2, 1].map((id) => client.sent.find((one) => one.id === id))
    expect(passed.error.code).toBe(-32_001)
    expect(failed.result).toEqual({
      content: [
        {
          type: 'text',
          text: 'Failed (server_ended): the server of the tool ended before it answered. The call may have had its effect; check before you repeat it.',
        },
      ],
      isError: true,
      _meta: {
        [`${key}.failure`]: {
          code: 'server_ended',
          message: 'the server of the tool ended before it answered',
          sent: true,
        },
      },
    })
    expect(records()).toEqual(['intent', 'outcome unknown server_ended'])
    expect(client.isClosed()).toBe(true)
    const count = client.sent.length
    await client.deliver({ jsonrpc: '2.0', id: 3, method: 'ping' })
    expect(client.sent[count]).toMatchObject({ id: 3, error: { code: -32_001 } })
  })

  it('MCP-23 tells the server when the client leaves, and closes it', async () => {
    const { client, server, relay, records } = await openRelay()
    void client.deliver(await callOf(1))
    const { id } = await server.next(isCall)
    await client.transport.close()
    await relay.closed
    expect(server.sent.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } })
    expect([server.isClosed(), client.sent]).toEqual([true, []])
    expect(records()).toEqual(['intent', 'outcome unknown client_ended'])
  })

  it('MCP-23 closes after the calls in progress, or aborts them', async () => {
    const { client, server, relay } = await openRelay()
    void client.deliver(await callOf(1))
    const { id } = await server.next(isCall)
    const closing = relay.close({ graceMs: 60_000 })
    await client.deliver({ jsonrpc: '2.0', id: 2, method: 'ping' })
    expect(client.sent.pop()).toMatchObject({ id: 2, error: { code: -32_001 } })
    await server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
    await closing
    expect(client.sent).toMatchObject([{ id: 1, result: said('sent') }])
    const other = await openRelay()
    void other.client.deliver(await callOf(1))
    await other.server.next(isCall)
    await other.relay.close()
    expect(other.client.sent).toMatchObject([{ id: 1, result: { _meta: { [`${key}.failure`]: { code: 'closed' } } } }])
  })

  it('MCP-25 answers in words when the call cannot be sent or its answer has no result', async () => {
    const full = await openRelay({}, { server: side(() => Promise.reject(new Error('secret detail'))) })
    void full.client.deliver(await callOf(1))
    expect(JSON.stringify(await full.client.next())).not.toContain('secret')
    expect(full.records()).toEqual(['intent', 'outcome error Error'])
    await full.client.deliver({ jsonrpc: '2.0', id: 2, method: 'ping' })
    expect(await full.client.next()).toMatchObject({ id: 2, error: { code: -32_603 } })

    const { client, server } = await openRelay()
    for (const result of [null, 7, 'x', []]) {
      void client.deliver(await callOf(1))
      const { id } = await server.next(isCall)
      await server.deliver({ jsonrpc: '2.0', id, result })
      expect(await client.next()).toMatchObject({
        result: { isError: true, _meta: { [`${key}.failure`]: { code: 'failed', sent: true } } },
      })
    }
    // An error of the server is its own.
    void client.deliver(await callOf(1))
    const { id } = await server.next(isCall)
    const error = { code: -32_602, message: 'unknown tool', data: [1] }
    await server.deliver({ jsonrpc: '2.0', id, error })
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 1, error })
  })

  it('MCP-24 gives the server no container in any message, and the client no denial of the server', async () => {
    const { client, server } = await openRelay()
    const ours = { [key]: 'C', [`${key}.receipt`]: 'R', a: 1 }
    await client.deliver({ jsonrpc: '2.0', id: 1, method: 'resources/list', params: { _meta: ours } })
    await client.deliver({ jsonrpc: '2.0', method: 'notifications/a', params: { _meta: ours } })
    await server.deliver({ jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: ours } })
    await client.deliver({ jsonrpc: '2.0', id: 1, result: { _meta: ours } })
    await server.deliver({ jsonrpc: '2.0', id: 1, result: { _meta: ours } })
    void client.deliver(await callOf(2))
    const call = await server.next(isCall)
    await server.deliver({
      jsonrpc: '2.0',
      id: call.id,
      result: { ...said('x'), _meta: { [`${key}.denial`]: { code: 'x' }, a: 1 } },
    })
    const { result } = await client.next(({ id, method }) => id === 2 && method === undefined)
    expect(result._meta[`${key}.denial`]).toBeUndefined()
    delete result._meta[`${key}.receipt`]
    const all = [...client.sent.filter(({ id }) => id !== 2), { result }, ...server.sent.filter((one) => !isCall(one))]
    expect(all.map(({ params, result: given }) => (params ?? given)._meta)).toEqual(all.map(() => ({ a: 1 })))
    expect(JSON.stringify(server.sent)).not.toContain(key)
  })

  it('MCP-10 asks the server itself for the definitions, over the same session, page by page', async () => {
    const tool = { name: 'send', description: 'sends', inputSchema: { type: 'object' } }
    const pins = new Map([['send', await toolHash(tool)]])
    const { client, server } = await openRelay({ pins })
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': {} }
    void client.deliver(await callOf(1, 'carol@example.com', meta))
    const first = await server.next(isList)
    expect(first.params).toEqual({ _meta: meta })
    await server.deliver({ jsonrpc: '2.0', id: first.id, result: { tools: [7, null, { name: 'a' }], nextCursor: 'n' } })
    const second = await server.next(isList)
    expect(second.params).toEqual({ cursor: 'n', _meta: meta })
    await server.deliver({ jsonrpc: '2.0', id: second.id, result: { tools: [tool] } })
    const call = await server.next(isCall)
    await server.deliver({ jsonrpc: '2.0', id: call.id, result: said('sent') })
    expect(await client.next()).toMatchObject({ result: said('sent') })

    void client.deliver(await callOf(2))
    const again = await server.next(isList)
    await server.deliver({ jsonrpc: '2.0', id: again.id, result: { tools: [{ ...tool, description: 'other' }] } })
    expect(await client.next()).toMatchObject({ result: { _meta: { [`${key}.denial`]: { code: 'tool_changed' } } } })
    for (const answer of [{ result: { tools: 'x' } }, { error: { code: 1 } }, { result: null }]) {
      void client.deliver(await callOf(3))
      const list = await server.next(isList)
      await server.deliver({ jsonrpc: '2.0', id: list.id, ...answer })
      const { error, result } = await client.next()
      expect(error ?? result.isError).toBeTruthy()
    }
    expect(server.sent.filter(isCall)).toHaveLength(1)
  })

  it('MCP-20 filters the list of tools, and answers with an error where there is no list', async () => {
    const { client, server } = await openRelay()
    const ask = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor: 'c', _meta: { [key]: 'C', a: 1 } } }
    void client.deliver(ask)
    const list = await server.next(isList)
    expect(list.params).toEqual({ cursor: 'c', _meta: { a: 1 } })
    const tools = [{ name: 'send' }, { name: 'other' }, 7]
    await server.deliver({ jsonrpc: '2.0', id: list.id, result: { tools, nextCursor: 'd', ttlMs: 1 } })
    expect(await client.next()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: { tools: [{ name: 'send' }], nextCursor: 'd', ttlMs: 1 },
    })
    void client.deliver(ask)
    await server.deliver({ jsonrpc: '2.0', id: (await server.next(isList)).id, result: 7 })
    expect(await client.next()).toMatchObject({ id: 1, error: { code: -32_603 } })
  })

  it('MCP-23 waits for a slow client with the messages of the server, and reads on from the client', async () => {
    let taken = (): void => undefined
    const client = side(
      (message) => message.method === 'notifications/b' && new Promise<void>((resolve) => (taken = resolve)),
    )
    const { server } = await openRelay({}, { client })
    let isTaken = false
    const delivered = Promise.resolve(server.deliver({ jsonrpc: '2.0', method: 'notifications/b' })).then(
      () => (isTaken = true),
    )
    void client.deliver(await callOf(1))
    await client.deliver({ jsonrpc: '2.0', id: 5, method: 'ping' })
    await server.next(isCall)
    expect(isTaken).toBe(false)
    taken()
    await delivered
  })

  it('MCP-26 gives the call to `perform`, whose options reach the transport of the server, once', async () => {
    const { client, server } = await openRelay({
      async perform({ args, subject }, send) {
        const result = await send({ about: [args, subject] })
        await expect(send()).rejects.toThrow('sent once')
        return result
      },
    })
    void client.deliver(await callOf(1))
    const { id } = await server.next(isCall)
    expect(server.options).toMatchObject(
      [{ about: [{ to: 'carol@example.com' }, /^did:key:/] }].map(() => ({
        about: [{ to: 'carol@example.com' }, expect.any(String)],
      })),
    )
    await server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
    expect(await client.next()).toMatchObject({ result: said('sent') })
  })

  it('ends when a side takes no message or does not start, and refuses wrong options', async () => {
    const broken = side(() => Promise.reject(new Error('gone')))
    const { server, relay } = await openRelay({}, { client: broken })
    await server.deliver({ jsonrpc: '2.0', method: 'notifications/a' })
    await relay.closed
    expect(server.isClosed()).toBe(true)
    const guard = { use: () => undefined, open: () => undefined } as never
    const [client, upstream] = [side().transport, side()]
    const dead = { ...client, start: () => Promise.reject(new Error('no such program')) }
    await expect(relayTools({ client, upstream: dead }, guard, { tools: {} })).rejects.toThrow('no such program')
    await expect(relayTools({ client, upstream: {} as never }, guard, { tools: {} })).rejects.toThrow(ArgumentError)
    await expect(relayTools({ client, upstream: upstream.transport }, {} as never, { tools: {} })).rejects.toThrow(
      ArgumentError,
    )
    await expect(relayTools({ client, upstream: upstream.transport }, guard, { tool: {} } as never)).rejects.toThrow(
      /did you mean `tools`/,
    )
  })
})
