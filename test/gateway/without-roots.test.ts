import { describe, expect, it } from 'vitest'
import type { McpTransport } from '../../src/gateway/transport/mcp-transport.ts'
import { withoutRoots } from '../../src/gateway/without-roots.ts'

function setUp() {
  const toClient: unknown[] = []
  const toServer: unknown[] = []
  const client: McpTransport = {
    start: async () => undefined,
    send: async (message) => void toClient.push(message),
    close: async () => undefined,
  }
  const wrapped = withoutRoots(client)
  wrapped.onmessage = (message) => void toServer.push(message)
  return { client, wrapped, toClient, toServer }
}

const capabilities = { roots: { listChanged: true }, sampling: {} }
const key = 'io.modelcontextprotocol/clientCapabilities'

describe('the roots of a client', () => {
  it('GTW-27 are not announced to a server, in any version of the protocol, in a batch neither', async () => {
    const { client, toServer } = setUp()
    const first = { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities } }
    const later = { id: 2, method: 'tools/list', params: { _meta: { [key]: capabilities, other: 1 } } }
    await client.onmessage?.(first)
    await client.onmessage?.(later)
    await client.onmessage?.([first, { method: 'notifications/roots/list_changed' }, later])
    const clean = [
      { ...first, params: { protocolVersion: '2025-11-25', capabilities: { sampling: {} } } },
      { ...later, params: { _meta: { [key]: { sampling: {} }, other: 1 } } },
    ]
    // A batch stays one.
    expect(toServer).toEqual([...clean, clean])
  })

  it('GTW-27 are not announced beside an `initialize`, nor given to a server that asks in a result or in a batch', async () => {
    const { client, wrapped, toClient, toServer } = setUp()
    const both = { id: 1, method: 'initialize', params: { capabilities, _meta: { [key]: capabilities } } }
    const roots = { roots: [{ uri: 'file:///' }] }
    const elicited = { action: 'accept', content: { roots: 'a field of a form' } }
    const repeated = {
      ...{ id: 2, method: 'tools/call' },
      params: { name: 'a', inputResponses: { one: roots, other: elicited }, requestState: 's' },
    }
    await client.onmessage?.(both)
    await client.onmessage?.([repeated])
    const without = { sampling: {} }
    expect(toServer.splice(0)).toEqual([
      { ...both, params: { capabilities: without, _meta: { [key]: without } } },
      [{ ...repeated, params: { ...repeated.params, inputResponses: { one: { roots: [] }, other: elicited } } }],
    ])
    await wrapped.send([
      { id: 3, method: 'roots/list' },
      { id: 4, method: 'ping' },
    ])
    expect(toClient).toEqual([[{ id: 4, method: 'ping' }]])
    expect(toServer).toEqual([{ jsonrpc: '2.0', id: 3, error: { code: -32_601, message: 'Method not found' } }])
  })

  it('GTW-27 are not given to a server that asks for them, and their changes are not reported', async () => {
    const { client, wrapped, toClient, toServer } = setUp()
    await client.onmessage?.({ method: 'notifications/roots/list_changed' })
    await wrapped.send({ id: 7, method: 'roots/list' })
    expect(toClient).toEqual([])
    expect(toServer).toEqual([{ jsonrpc: '2.0', id: 7, error: { code: -32_601, message: 'Method not found' } }])
  })

  it('passes every other message as it is, both ways', async () => {
    const { client, wrapped, toClient, toServer } = setUp()
    const odd = [null, 5, 'x', {}, { id: 1, result: {} }, { method: 'tools/call', params: { _meta: { a: 1 } } }]
    const wrong = [{ method: 'initialize' }, { method: 'initialize', params: { capabilities: 5 } }]
    for (const message of odd) await client.onmessage?.(message)
    for (const message of odd) await wrapped.send(message)
    expect([toServer, toClient]).toEqual([odd, odd])
    for (const message of wrong) await client.onmessage?.(message)
    expect(toServer.slice(odd.length)).toEqual([
      { method: 'initialize' },
      { method: 'initialize', params: { capabilities: {} } },
    ])
  })
})
