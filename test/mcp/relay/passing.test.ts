import { describe, expect, it } from 'vitest'
import { callOf, type Loose, openRelay } from './relay.ts'

const passes = (method: string): boolean => ['initialize', 'server/discover', 'prompts/get'].includes(method)
const isCall = ({ method }: Loose): boolean => method === 'tools/call'
const request = (id: unknown, method: string): object => ({ jsonrpc: '2.0', id, method, params: {} })

describe('relayTools with `passes`', () => {
  it('MCP-31 answers a request that does not pass, and the server never receives it [attack 97]', async () => {
    const { client, server, errors } = await openRelay({ passes })
    const methods = [
      'resources/read',
      'completion/complete',
      'Prompts/get',
      'prompts/get ',
      'rpc.discover',
      '__proto__',
      '',
    ]
    for (const method of methods) {
      await client.deliver(request(1, method))
      const { id, error } = await client.next()
      expect([id, error.code], method).toEqual([1, -32_601])
      expect(error.message).toContain('`passes` of relayTools, or to `allow` of the server in gateway.json')
      // A request without an id is a notification, which a server might run.
      await client.deliver({ jsonrpc: '2.0', method })
    }
    const asNotification = 'the client sent a request that is not allowed as a notification'
    expect(errors.map(({ message }) => message)).toEqual(methods.map(() => asNotification))
    await client.deliver([request(2, 'prompts/get'), request(3, 'resources/read')])
    await client.deliver({ jsonrpc: '2.0', method: 'notifications/initialized' })
    expect(server.sent.map(({ method }: Loose) => method)).toEqual(['prompts/get', 'notifications/initialized'])
  })

  it('MCP-31 passes the cancellation of a request for the capabilities on', async () => {
    const { client, server, errors } = await openRelay({ passes })
    await client.deliver(request(1, 'initialize'))
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
    await client.deliver(cancelled)
    await client.deliver(request(1, 'prompts/get'))
    expect(server.sent).toMatchObject([{ method: 'initialize' }, cancelled, { id: 1, method: 'prompts/get' }])
    expect([client.sent, errors]).toEqual([[], []])
  })

  it('MCP-31 refuses what the function does not answer with true [attack 97]', async () => {
    const broken: readonly unknown[] = [() => 'yes', () => 1, async () => true, () => JSON.parse('no'), () => undefined]
    for (const one of broken) {
      const { client, server } = await openRelay({ passes: one as (method: string) => boolean })
      await client.deliver(request(1, 'resources/read'))
      expect((await client.next()).error.code).toBe(-32_601)
      expect(server.sent).toEqual([])
    }
  })

  it('MCP-36 answers a request whose answer has no error or result that clients read [attack 97]', async () => {
    const { client, server } = await openRelay({ passes })
    const outcomes = [
      { error: null },
      { error: 7 },
      { error: { message: 'x' } },
      { error: { code: '1', message: 'x' } },
    ]
    for (const outcome of [...outcomes, { error: { code: 1.5, message: 'x' } }, { result: null }, { result: [] }]) {
      await client.deliver(request(1, 'prompts/get'))
      await server.deliver({ jsonrpc: '2.0', id: 1, ...outcome })
      await server.deliver({ jsonrpc: '2.0', id: 1, result: {} })
      const error = { code: -32_603, message: 'the answer of the server is malformed' }
      expect(client.sent.splice(0), JSON.stringify(outcome)).toEqual([{ jsonrpc: '2.0', id: 1, error }])
      await client.deliver(await callOf(2))
      await server.deliver({ jsonrpc: '2.0', id: (await server.next(isCall)).id, ...outcome })
      expect((await client.next()).result.content[0].text, JSON.stringify(outcome)).toMatch(/^Failed \(failed\): /)
      client.sent.splice(0)
    }
  })

  it('MCP-31 removes the capabilities whose requests do not pass', async () => {
    const { client, server } = await openRelay({ passes })
    const all = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {}, tasks: {} }
    for (const method of ['initialize', 'server/discover']) {
      await client.deliver(request(1, method))
      await server.deliver({ jsonrpc: '2.0', id: 1, result: { instructions: 'x', capabilities: all } })
      expect((await client.next()).result).toEqual({ instructions: 'x', capabilities: { tools: {}, prompts: {} } })
    }
    for (const result of [{}, { capabilities: null }, { capabilities: [] }]) {
      await client.deliver(request(1, 'initialize'))
      await server.deliver({ jsonrpc: '2.0', id: 1, result })
      expect((await client.next()).result).toEqual(result)
    }
  })
})
