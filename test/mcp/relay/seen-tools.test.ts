import { afterEach, describe, expect, it, vi } from 'vitest'
import { toolHash } from '../../../src/mcp/tool-hash.ts'
import { callOf, key, type Loose, openRelay, type Side, said, type TestRelay } from './relay.ts'

const tool = { name: 'send', description: 'sends', inputSchema: { type: 'object' } }
const other = { ...tool, description: 'sends, and tells eve' }
const pins = new Map([['send', await toolHash(tool)]])
const isList = ({ method }: Loose): boolean => method === 'tools/list'
const isCall = ({ method }: Loose): boolean => method === 'tools/call'
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

afterEach(() => vi.useRealTimers())

/** Opens a relay that relies on a list for a minute, and counts the reports of changes. */
async function open(more: object = {}): Promise<TestRelay & { readonly changes: () => number }> {
  let count = 0
  const relay = await openRelay({ pins, pinsMaxAge: 60, onToolsChanged: () => void count++, ...more })
  return { ...relay, changes: () => count }
}

/** Answers the next list, or the given one, with tools. */
async function list(server: Side, tools: unknown, more: object = {}, asked?: Loose): Promise<void> {
  const { id } = asked ?? (await server.next(isList))
  await server.deliver({ jsonrpc: '2.0', id, result: { tools, ...more } })
}

/** Makes a call that reaches the server without another list. */
async function passes({ client, server }: TestRelay, id: number): Promise<void> {
  const lists = server.sent.filter(isList).length
  void client.deliver(await callOf(id))
  const call = await server.next(isCall)
  await server.deliver({ jsonrpc: '2.0', id: call.id, result: said('sent') })
  expect(await client.next((one) => one.id === id)).toMatchObject({ result: said('sent') })
  expect(server.sent.filter(isList)).toHaveLength(lists)
}

/** Makes a call for which the server is asked, and which is refused. */
async function isRefused({ client, server }: TestRelay, id: number, tools: unknown): Promise<void> {
  const calls = server.sent.filter(isCall).length
  void client.deliver(await callOf(id))
  await list(server, tools)
  const denied = { result: { _meta: { [`${key}.denial`]: { code: 'tool_changed' } } } }
  expect(await client.next((one) => one.id === id)).toMatchObject(denied)
  expect(server.sent.filter(isCall)).toHaveLength(calls)
}

/** The client asks for the list. Resolves to the names that it gets. */
async function clientLists({ client, server }: TestRelay, id: number, tools: unknown, more = {}): Promise<unknown> {
  void client.deliver({ jsonrpc: '2.0', id, method: 'tools/list', params: {} })
  await list(server, tools, more)
  const { result } = await client.next((one) => one.id === id)
  return result.tools.map(({ name }: Loose) => name)
}

const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

describe('the list of accepted tools', () => {
  it('MCP-35 has no member that the hash does not cover, and a list without hashes passes as it is [attack 101]', async () => {
    const _meta = { 'anthropic/searchHint': 'payroll export', 'anthropic/alwaysLoad': true }
    const icons = [{ src: 'https://icons.example/1' }]
    const more = { ...tool, _meta, icons, execution: { taskSupport: 'required' }, later: 1 }
    const listOf = async ({ client, server }: TestRelay): Promise<unknown> => {
      void client.deliver({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
      await list(server, [more], { nextCursor: 'next' })
      return (await client.next((one) => one.id === 1)).result
    }
    expect(await listOf(await open())).toEqual({ tools: [tool], nextCursor: 'next' })
    expect(await listOf(await openRelay())).toEqual({ tools: [more], nextCursor: 'next' })
  })
})

describe('a relay that relies on a list for a time', () => {
  it('MCP-32 asks before the first call, and not again', async () => {
    const relay = await open()
    void relay.client.deliver(await callOf(1))
    await list(relay.server, [tool])
    const { id } = await relay.server.next(isCall)
    await relay.server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
    await passes(relay, 2)
    expect(relay.changes()).toBe(0)
  })

  it('MCP-32 relies on a list that passed to the client, and refuses from the list on that shows a change [attack 101]', async () => {
    const relay = await open()
    expect(await clientLists(relay, 1, [tool])).toEqual(['send'])
    await passes(relay, 2)
    expect(await clientLists(relay, 3, [other])).toEqual([])
    expect(relay.changes()).toBe(1)
    await isRefused(relay, 4, [other])
    await isRefused(relay, 5, [other])
    expect(relay.changes()).toBe(1)
    // The accepted definition is back.
    expect(await clientLists(relay, 6, [tool])).toEqual(['send'])
    await passes(relay, 7)
  })

  it('MCP-32 asks again after an announced change, before the client learns of it [attack 101]', async () => {
    const relay = await open()
    await clientLists(relay, 1, [tool])
    await relay.server.deliver(changed)
    expect(await relay.client.next()).toEqual(changed)
    expect(relay.changes()).toBe(1)
    await isRefused(relay, 2, [other])
  })

  it('MCP-32 does not rely on a list that was under way when a change was announced [attack 101]', async () => {
    const relay = await open()
    const { client, server } = relay
    void client.deliver(await callOf(1))
    const early = await server.next(isList)
    await server.deliver(changed)
    await list(server, [tool], {}, early)
    await list(server, [other])
    const denied = { result: { _meta: { [`${key}.denial`]: { code: 'tool_changed' } } } }
    expect(await client.next(({ id }) => id === 1)).toMatchObject(denied)
    // Nor on one that the client has asked for.
    void client.deliver({ jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} })
    const passing = await server.next(isList)
    await server.deliver(changed)
    await list(server, [tool], {}, passing)
    await isRefused(relay, 3, [other])
  })

  it('MCP-32 refuses a call when the server announces changes endlessly [attack 101]', async () => {
    const { client, server } = await open()
    void client.deliver(await callOf(1))
    for (let count = 0; count < 3; count++) {
      const { id } = await server.next(isList)
      await server.deliver(changed)
      await server.deliver({ jsonrpc: '2.0', id, result: { tools: [tool] } })
    }
    const denied = { result: { _meta: { [`${key}.denial`]: { code: 'tool_changed' } } } }
    expect(await client.next(({ id }) => id === 1)).toMatchObject(denied)
    expect(server.sent.filter(isCall)).toEqual([])
  })

  it('MCP-32 asks again when the list is too old, by the clock or by the time of the process [attack 101]', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
    const relay = await open()
    await clientLists(relay, 1, [tool])
    vi.advanceTimersByTime(59_000)
    // A silent change is found at the latest now.
    await passes(relay, 2)
    vi.advanceTimersByTime(1_000)
    await isRefused(relay, 3, [other])
    for (const [id, seconds] of [
      [10, 61],
      [20, -1],
    ] as const) {
      await clientLists(relay, id, [tool])
      vi.setSystemTime(Date.now() + seconds * 1_000)
      await isRefused(relay, id + 1, [other])
    }
    await clientLists(relay, 30, [tool])
    const now = Date.now()
    vi.advanceTimersByTime(61_000)
    vi.setSystemTime(now)
    await isRefused(relay, 31, [other])
  })

  it('MCP-32 forgets a tool that a whole list lacks, and keeps one that another page has', async () => {
    const relay = await open()
    await clientLists(relay, 1, [tool])
    await clientLists(relay, 2, [{ name: 'a' }], { nextCursor: 'n' })
    await passes(relay, 3)
    await clientLists(relay, 4, [{ name: 'a' }])
    await isRefused(relay, 5, [])
  })

  it('MCP-10 refuses and hides a tool with two definitions in one list [attack 101]', async () => {
    const relay = await open()
    expect(await clientLists(relay, 1, [tool, other])).toEqual([])
    await isRefused(relay, 2, [tool, other])
    expect(await clientLists(relay, 3, [tool, tool])).toEqual(['send', 'send'])
    await passes(relay, 4)
  })

  it('MCP-32 asks once for the calls that come together, and once for each when that fails', async () => {
    const relay = await open()
    const { client, server } = relay
    for (const id of [1, 2, 3]) void client.deliver(await callOf(id, `u${id}@example.com`))
    const first = await server.next(isList)
    await turn()
    expect(server.sent.filter(isList)).toHaveLength(1)
    await server.deliver({ jsonrpc: '2.0', id: first.id, error: { code: 1, message: 'no' } })
    expect(await client.next()).toMatchObject({ id: 1, error: { code: 1 } })
    await vi.waitFor(() => expect(server.sent.filter(isList)).toHaveLength(3), 20_000)
    for (const { id } of server.sent.filter(isList).slice(1))
      await server.deliver({ jsonrpc: '2.0', id, result: { tools: [tool] } })
    await vi.waitFor(() => expect(server.sent.filter(isCall)).toHaveLength(2), 20_000)
  })

  it('MCP-32 asks again after `recheck`, and compares with the hash that is accepted at the moment', async () => {
    const accepted = new Map(pins)
    const relay = await open({ pins: accepted })
    await clientLists(relay, 1, [tool])
    relay.relay.recheck()
    await isRefused(relay, 2, [other])
    accepted.set('send', await toolHash(other))
    await passes(relay, 3)
    accepted.delete('send')
    await isRefused(relay, 4, [other])
  })
})
