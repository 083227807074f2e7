import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientClaims } from '../../src/mcp/client-claims.ts'
import { shortRuns } from '../property/runs.ts'
import { callOf, key, openRelay, said } from './relay/relay.ts'

describe('the claims of a client', () => {
  it('MCP-30 are those that Claude Code and Codex send', () => {
    expect(clientClaims({ 'claudecode/toolUseId': 'toolu_01', progressToken: 1 })).toEqual({ toolUse: 'toolu_01' })
    const turn = { session_id: 's', turn_id: 't', model: 'm' }
    const codex = { toolUse: 'call_1', session: 's', turn: 't' }
    expect(clientClaims({ callId: 'call_1', 'x-codex-turn-metadata': turn })).toEqual(codex)
    expect(clientClaims({ callId: 'call_1', 'x-codex-turn-metadata': JSON.stringify(turn) })).toEqual(codex)
    const sub = { ...turn, thread_id: 'u', parent_thread_id: 's' }
    expect(clientClaims({ callId: 'call_1', 'x-codex-turn-metadata': sub })).toEqual({ ...codex, subAgent: 'u' })
    expect(clientClaims({ callId: 'call_1', 'x-codex-turn-metadata': { ...turn, thread_id: 's' } })).toEqual(codex)
    for (const meta of [undefined, null, 7, [], 'x', { callId: 7 }, { callId: 'a\nb' }, { callId: 'x'.repeat(257) }])
      expect(clientClaims(meta as never)).toEqual({})
  })

  it('MCP-30 are short strings, whatever the client sends', () => {
    const names = fc.constantFrom('claudecode/toolUseId', 'callId', 'x-codex-turn-metadata', '__proto__')
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), (meta) => {
        for (const value of Object.values(clientClaims(meta as never))) expect(value).toMatch(/^[\x20-\x7e]{1,256}$/)
      }),
      shortRuns(1_000),
    )
  })

  it('MCP-30 GRD-19 are in the records of allowed and of denied calls, and decide nothing', async () => {
    const { client, server, sink } = await openRelay({ claims: clientClaims })
    for (const to of ['carol@example.com', 'carol@evil.example']) {
      void client.deliver(await callOf(1, to, { 'claudecode/toolUseId': 'toolu_01' }))
      if (to.endsWith('example.com')) {
        const { id } = await server.next(({ method }) => method === 'tools/call')
        await server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
      }
      await client.next()
    }
    const claimed = sink.records().map(({ event }) => [event.kind, Object(event).claimed])
    expect(claimed).toEqual([
      ['intent', { toolUse: 'toolu_01' }],
      ['outcome', undefined],
      ['denied', { toolUse: 'toolu_01' }],
    ])
  })

  it('MCP-30 are absent when the reader fails, or gives anything but short strings', async () => {
    const readers = [
      () => {
        throw new Error('broken')
      },
      () => 7,
      () => Promise.resolve({ a: 'b' }),
      () => ({ a: 1, __proto__: 'x', 'a b': 'c', ok: '' }),
    ]
    for (const claims of readers) {
      const { client, server, sink } = await openRelay({ claims: claims as never })
      void client.deliver(await callOf(1))
      const { id } = await server.next(({ method }) => method === 'tools/call')
      await server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
      expect(await client.next()).toMatchObject({ result: said('sent') })
      expect(JSON.stringify(sink.records())).not.toContain('claimed')
      expect(Object.keys(server.sent[0].params._meta)).not.toContain(key)
    }
  })

  it('MCP-30 are sixteen at most: a reader that gives more refuses no call', async () => {
    const claims = (): Record<string, string> =>
      Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`claim${at}`, 'x'.repeat(256)]))
    const { client, server, sink } = await openRelay({ claims })
    void client.deliver(await callOf(1))
    const { id } = await server.next(({ method }) => method === 'tools/call')
    await server.deliver({ jsonrpc: '2.0', id, result: said('sent') })
    expect(await client.next()).toMatchObject({ result: said('sent') })
    expect(Object.keys(Object(sink.records()[0]?.event).claimed)).toHaveLength(16)
  })
})
