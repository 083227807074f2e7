import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type AuditEvent, type AuditSink, type DenialSampler, sampleDenials } from 'procura/audit'
import { describe, expect, it } from 'vitest'
import { recordDenials } from '../../../src/gateway/serve/record-denials.ts'
import type { McpTransport } from '../../../src/gateway/wire/transport/mcp-transport.ts'

const denial = {
  jsonrpc: '2.0',
  id: 1,
  result: {
    content: [],
    isError: true,
    _meta: { 'xyz.ucan/container.denial': { code: 'container_missing', requirement: 'MCP-05' } },
  },
}

/** A relay whose records are confirmed from outside. */
function setUp(sampler: DenialSampler = sampleDenials()) {
  const sent: unknown[] = []
  const events: AuditEvent[] = []
  const errors: unknown[] = []
  let confirm: (error?: Error) => void = () => undefined
  const sink = {
    append: (event: AuditEvent) =>
      new Promise((resolve, reject) => {
        events.push(event)
        confirm = (error) => (error === undefined ? resolve({}) : reject(error))
      }),
  } as unknown as AuditSink
  const inner = { send: async (message: unknown) => void sent.push(message) } as unknown as McpTransport
  const client = recordDenials(inner, {
    ...{ server: 'mail', audience: 'did:web:gateway.example', sink, sampler },
    onError: (error) => errors.push(error),
  })
  client.onmessage = () => undefined
  inner.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'send' } })
  return { client, inner, sent, events, errors, confirm: (error?: Error) => confirm(error) }
}
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('the calls of a session that are not answered', () => {
  const memory = (): number => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }

  it('take little memory, whatever their ids and the names of their tools are [GTW-44] [attack 98]', async () => {
    const { client, inner } = setUp()
    Object.assign(inner, { close: async () => undefined })
    const before = memory()
    const large = (at: number): string => Buffer.alloc(1_000_000, 65 + (at % 26)).toString('latin1')
    for (let at = 0; at < 300; at++) {
      const [id, name] = at % 2 === 0 ? [at, large(at)] : [large(at), 'send']
      inner.onmessage?.([{ jsonrpc: '2.0', id, method: 'tools/call', params: { name } }])
    }
    expect(memory() - before).toBeLessThan(50_000_000)
    await client.close()
  })
})

describe('a refusal before the guard is asked', () => {
  it('is answered when it is on record [GTW-37]', async () => {
    const { client, sent, events, confirm } = setUp()
    const answered = client.send(denial)
    await turns()
    expect([sent, events.length]).toEqual([[], 1])
    expect(events[0]).toMatchObject({ kind: 'denied', authenticated: false, command: '/mcp/mail/send' })
    confirm()
    await answered
    expect(sent).toEqual([denial])
  })

  it('is answered although its record fails, which is reported [GTW-37]', async () => {
    const { client, sent, errors, confirm } = setUp()
    const answered = client.send(denial)
    await turns()
    confirm(new Error('disk full'))
    await answered
    expect([sent, errors.map(String)]).toEqual([[denial], ['Error: disk full']])
  })

  it('is not seen in an answer of the server, nor in a message that is not an answer [GTW-37]', async () => {
    const { client, sent, events } = setUp()
    const others = [
      { ...denial, result: { ...denial.result, isError: false } },
      { ...denial, result: { content: [], isError: true } },
      { ...denial, method: 'ping' },
      {
        jsonrpc: '2.0',
        id: 1,
        result: {
          ...denial.result,
          _meta: { 'xyz.ucan/container.denial': { code: 'revoked', requirement: 'RVK-01' } },
        },
      },
    ]
    for (const one of others) await client.send(one)
    expect([sent.length, events]).toEqual([others.length, []])
  })

  it('is counted as one without a record when its record fails, and the next one reports it [GTW-37]', async () => {
    let now = 1_000
    const { client, events, confirm } = setUp(sampleDenials({ clock: { now: () => now } }))
    const answered = client.send(denial)
    await turns()
    confirm(new Error('disk full'))
    await answered
    now += 60
    const next = client.send(denial)
    await turns()
    expect(events.length).toBe(2)
    confirm()
    await turns()
    confirm()
    await next
    expect(events.slice(1)).toMatchObject([
      { kind: 'denied', code: 'suppressed', suppressed: 1, since: 1_000, authenticated: false },
      { kind: 'denied', code: 'container_missing' },
    ])
  })

  it('is not recorded as a call that was cancelled, whose id a later one has [GTW-37]', async () => {
    const { client, inner, events, confirm } = setUp()
    // The relay does not answer a call that was cancelled.
    inner.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    inner.onmessage?.({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'delete' } })
    const answered = client.send(denial)
    await turns()
    confirm()
    await answered
    const again = client.send(denial)
    await turns()
    confirm()
    await again
    expect(events.map((event) => (event as { readonly command?: string }).command)).toEqual([
      ...['/mcp/mail/delete', undefined],
    ])
  })
})
