import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shortRuns } from '../../property/runs.ts'
import { callOf, key, type Loose, openRelay } from './relay.ts'

/**
 * Signed calls: allowed ones, and one outside the policy. Their containers are used again, with other arguments and
 * names.
 */
const signed: readonly Loose[] = await Promise.all([
  ...[0, 1, 2, 3, 4].map((index) => callOf(index, `u${index}@example.com`)),
  callOf(5, 'u@evil.example'),
])
const containers: readonly string[] = signed.map(({ params }) => params._meta[key])
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const id = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom('a', '', 1.5, null, true, [], {}))
const method = fc.constantFrom(
  ...['tools/call', 'tools/list', 'Tools/call', 'tools/call ', 'tools/callMany', 'notifications/cancelled', 'ping'],
  ...['initialize', 'resources/read', '__proto__', 'constructor', 'notifications/tools/list_changed'],
)
const container = fc.constantFrom(...containers)
const meta = fc.oneof(
  container.map((one) => ({ [key]: one })),
  container.map((one) => ({ [key]: one, [`${key}.receipt`]: one, progressToken: 1 })),
  fc.dictionary(fc.constantFrom(key, `${key}.denial`, '__proto__', 'a'), fc.jsonValue(), { maxKeys: 3 }),
  fc.jsonValue(),
)
const args = fc.oneof(
  fc.integer({ min: 0, max: 5 }).map((index) => ({ to: `u${index}@example.com` })),
  fc.constantFrom({ to: 'u@evil.example' }, JSON.parse('{"__proto__":{"to":"u0@example.com"}}'), [], 'x', null),
  fc.jsonValue(),
)
const params = fc.oneof(
  fc.record(
    { name: fc.constantFrom('send', 'other', '__proto__', 'toString', 7), arguments: args, _meta: meta },
    { requiredKeys: [] },
  ),
  fc.record({ requestId: id, reason: fc.constant('r'), _meta: meta }, { requiredKeys: ['requestId'] }),
  fc.jsonValue(),
)
const message = fc.oneof(
  fc.record(
    { jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '1.0', 2), id, method, params },
    { requiredKeys: ['jsonrpc', 'method'] },
  ),
  fc.record(
    { jsonrpc: fc.constant('2.0'), id, result: fc.record({ _meta: meta }), error: fc.jsonValue(), method },
    { requiredKeys: ['jsonrpc'] },
  ),
  fc.constantFrom(...signed),
  fc.tuple(fc.constantFrom(...signed), id).map(([call, other]) => ({ ...call, id: other })),
  fc.jsonValue(),
)
/** A step: a message of a side, or an answer of the server to one of the messages that it has received. */
const step = fc.oneof(
  { weight: 4, arbitrary: message.map((one) => ['client', one] as const) },
  { weight: 1, arbitrary: fc.array(message, { maxLength: 4 }).map((one) => ['client', one] as const) },
  { weight: 2, arbitrary: message.map((one) => ['server', one] as const) },
  { weight: 3, arbitrary: fc.tuple(fc.nat(20), fc.jsonValue(), fc.boolean()).map((one) => ['answer', one] as const) },
  { weight: 1, arbitrary: fc.constant(['turn', undefined] as const) },
)
const ending = fc.constantFrom('client', 'server', 'relay')

describe('a relay between hostile sides', () => {
  const runs = shortRuns(500, 4)

  it(`MCP-20 MCP-21 MCP-22 MCP-24 MCP-25 lets nothing through unguarded, and stays whole (${runs.title})`, async () => {
    let allowed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), ending, async (steps, last) => {
        const { client, server, relay, records } = await openRelay()
        for (const [kind, value] of steps) {
          if (kind === 'client') void client.deliver(structuredClone(value))
          if (kind === 'server') void server.deliver(structuredClone(value))
          if (kind === 'turn') await turn()
          if (kind !== 'answer') continue
          const [index, result, isError] = value
          const asked = server.sent[index % Math.max(1, server.sent.length)]
          if (asked?.id !== undefined)
            void server.deliver({ jsonrpc: '2.0', id: asked.id, ...(isError ? { error: result } : { result }) })
        }
        await turn()
        await turn()
        if (last === 'client') await client.transport.close()
        if (last === 'server') await server.transport.close()
        if (last === 'relay') await relay.close()
        await relay.closed
        expect([client.isClosed(), server.isClosed()]).toEqual([true, true])

        const calls = server.sent.filter(
          (one) => typeof one.method === 'string' && /^\s*tools\b/i.test(one.method) && one.method !== 'tools/list',
        )
        allowed += calls.length
        for (const call of calls) expect([call.method, call.id.startsWith('procura-')]).toEqual(['tools/call', true])
        // Each call that the server received was signed with these arguments, and each signature was used once.
        const received = calls.map((one) => JSON.stringify([one.params.name, one.params.arguments]))
        const permitted = signed.slice(0, 5).map((one) => JSON.stringify(['send', one.params.arguments]))
        for (const one of received) expect(permitted).toContain(one)
        expect(new Set(received).size).toBe(received.length)
        // Each is on record, and each record has an outcome.
        const kinds = records().map((one) => one.split(' ')[0])
        const intents = kinds.filter((one) => one === 'intent').length
        expect(intents).toBeGreaterThanOrEqual(calls.length)
        expect(kinds.filter((one) => one === 'outcome')).toHaveLength(intents)
        // No container has left, and nothing of the server looks like a denial or a receipt.
        for (const { params: given, result } of server.sent)
          for (const part of [given, result])
            for (const name of Object.keys(Object(Object(part)._meta))) expect(name.startsWith(key)).toBe(false)
      }),
      runs,
    )
    expect(allowed).toBeGreaterThan(20)
  })
})
