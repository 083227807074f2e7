import { Client as ClientTwo } from '@modelcontextprotocol/client'
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js'
import { WebStandardStreamableHTTPServerTransport as HttpServerOne } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  createMcpHandler,
  WebStandardStreamableHTTPServerTransport as HttpServerTwo,
} from '@modelcontextprotocol/server'
import { ArgumentError, ProcuraError, VaultError } from 'procura/errors'
import { describe, expect, it } from 'vitest'
import { readEvents } from '#support/event-stream.ts'
import { serverOf } from '../../../../../../test/mcp/connections.ts'
import { type HttpTransportOptions, httpTransport } from '../../../../src/gateway/wire/transport/http-transport.ts'

const url = 'http://server.example/mcp'

interface Sent {
  readonly method: string
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: messages of tests are read by their fields
  readonly body: any
  readonly redirect: string | undefined
}

/** A transport to a server that the test plays. */
function open(answer: (sent: Sent, count: number) => Response | Promise<Response>, options: HttpTransportOptions = {}) {
  const requests: Sent[] = []
  const transport = httpTransport(url, {
    async fetch(to, { method = '', headers, body, redirect, signal }) {
      expect(to).toBe(url)
      const read = typeof body === 'string' ? JSON.parse(body) : undefined
      requests.push({ method, headers: new Headers(headers), body: read, redirect })
      signal?.throwIfAborted()
      return answer(requests.at(-1) as Sent, requests.length)
    },
    ...options,
  })
  const [messages, errors]: [unknown[], Error[]] = [[], []]
  let closed = 0
  transport.onmessage = (message) => void messages.push(message)
  transport.onerror = (error) => void errors.push(error as Error)
  transport.onclose = () => {
    closed += 1
  }
  return { transport, requests, messages, errors, closed: () => closed }
}

const json = (value: unknown, headers = {}, status = 200): Response =>
  new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  })
const stream = (text: string): Response => new Response(text, { headers: { 'content-type': 'text/event-stream' } })
const accepted = (): Response => new Response(null, { status: 202 })
const none = (): Response => new Response(null, { status: 405 })
const ask = (id: unknown, method = 'ping') => ({ jsonrpc: '2.0', id, method })
const reply = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} })

/** A stream that has its parts ready, whenever it is read. */
function endless(part: string, count: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(part)
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent++ < count) controller.enqueue(bytes)
      else controller.close()
    },
  })
}

describe('a stream of events that is always ready', () => {
  for (const part of [':comment\n'.repeat(1_000), 'id: 1\n\n'.repeat(1_000), '\n'.repeat(1_000)])
    it(`lets other work run: ${JSON.stringify(part.slice(0, 10))} [GTW-22] [attack 98]`, async () => {
      let turns = 0
      const timer = setInterval(() => void turns++, 1)
      const signal = new AbortController().signal
      let data = ''
      for await (const event of readEvents(endless(part, 300), { most: 1_000_000, tooLong: Error, signal }))
        data += event.data ?? ''
      clearInterval(timer)
      expect([data, turns > 1]).toEqual(['', true])
    })
})

describe('httpTransport', () => {
  it('MCP-38 delivers no message of a batch of more than 100', async () => {
    const batch = (count: number): unknown => Array.from({ length: count }, () => ({ jsonrpc: '2.0', method: 'a' }))
    const { transport, messages, errors } = open(({ body }) =>
      stream(
        `data: ${JSON.stringify(batch(101))}\n\ndata: ${JSON.stringify(batch(100))}\n\ndata: ${JSON.stringify(reply(body.id))}\n\n`,
      ),
    )
    await transport.start()
    await transport.send(ask(1)).catch(() => undefined)
    await expect.poll(() => errors.length).toBeGreaterThan(0)
    expect([messages.length % 100, errors[0]?.message]).toEqual([0, 'a batch has more than 100 messages'])
  })

  it('MCP-28 agrees on a session and a version, listens, and ends the session', async () => {
    const { transport, requests, messages, closed, errors } = open(
      ({ method, body }) => {
        if (method === 'GET') return none()
        if (method === 'DELETE') return accepted()
        if (body.id === undefined) return accepted()
        return json({ ...reply(body.id), result: { protocolVersion: '2025-11-25' } }, { 'mcp-session-id': 'S1' })
      },
      { headers: { 'x-team': 'a', 'content-type': 'text/plain' } },
    )
    await transport.start()
    await transport.send({ ...ask(0, 'initialize'), params: {} })
    await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    await transport.send(ask(1))
    await transport.close()
    await transport.close()
    const seen = requests.map(({ method, headers }) => [
      method,
      headers.get('mcp-session-id'),
      headers.get('mcp-protocol-version'),
    ])
    expect(seen).toEqual([
      ['POST', null, null],
      ['POST', 'S1', '2025-11-25'],
      ['GET', 'S1', '2025-11-25'],
      ['POST', 'S1', '2025-11-25'],
      ['DELETE', 'S1', '2025-11-25'],
    ])
    expect(requests.every(({ headers, redirect }) => headers.get('x-team') === 'a' && redirect === 'manual')).toBe(true)
    expect(requests[0]?.headers.get('content-type')).toBe('application/json')
    expect(requests[0]?.headers.get('accept')).toBe('application/json, text/event-stream')
    expect([messages.length, closed(), errors]).toEqual([2, 1, []])
    await expect(transport.send(ask(2))).rejects.toThrow('ended')
  })

  it('MCP-28 reads streams in any form, and messages before the answer', async () => {
    const events = [
      '\ufeff: comment\r\n\r\nevent: message\r\ndata: {"jsonrpc":"2.0",\r\ndata: "method":"a"}\r\n\r\n',
      'id: 1\rdata: {"jsonrpc":"2.0","id":9,"method":"b"}\r\rdata:\n\nevent: other\ndata: {"x":1}\n\n',
      'data\nretry: 10\nunknown: 1\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\ndata: {"late":1}\n\n',
    ].join('')
    const bytes = new TextEncoder().encode(events)
    for (const size of [1, 2, 7, bytes.length]) {
      const body = new ReadableStream({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
          controller.close()
        },
      })
      const { transport, messages, errors } = open(
        () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
      )
      await transport.send(ask(1))
      expect(messages, String(size)).toEqual([{ jsonrpc: '2.0', method: 'a' }, ask(9, 'b'), reply(1)])
      expect(errors).toEqual([])
    }
  })

  it('MCP-28 opens one stream of the server, however often a client begins', async () => {
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = []
    const { transport, requests } = open(({ method }) => {
      if (method !== 'GET') return accepted()
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void bodies.push(controller) })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    })
    for (let count = 0; count < 20; count++)
      await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    expect(requests.filter(({ method }) => method === 'GET').length).toBe(1)
    await transport.close()
  })

  it('MCP-28 reads an event of single bytes, and limits it', async () => {
    const data = `{"jsonrpc":"2.0","id":1,"result":{"text":"${'x'.repeat(20_000)}"}}`
    const bytes = (text: string): Response => {
      let at = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at === text.length) controller.close()
          else controller.enqueue(new TextEncoder().encode(text[at++]))
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
    for (const end of ['\n', '\r', '\r\n']) {
      const { transport, messages } = open(() => bytes(`: comment${end}data: ${data}${end}${end}`))
      await transport.send(ask(1))
      expect(messages, JSON.stringify(end)).toEqual([JSON.parse(data)])
    }
    const { transport, errors } = open(() => bytes(`data: ${data}`), { maxMessageChars: 1_000 })
    await expect(transport.send(ask(1))).rejects.toThrow('without an answer')
    expect(errors.map(({ message }) => message)).toEqual(['an event has more than 1000 characters'])
  })

  it('MCP-28 resumes a stream after its last event', async () => {
    const { transport, requests, messages } = open(({ method }, count) => {
      if (method === 'POST') return stream('id: e1\nretry: 1\ndata: {"jsonrpc":"2.0","method":"a"}\n\n')
      if (count === 2) return new Response('busy', { status: 503 })
      return stream(`id: e2\ndata: ${JSON.stringify(reply(1))}\n\n`)
    })
    await transport.send(ask(1))
    expect(requests.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, 'e1', 'e1'])
    expect(messages).toEqual([{ jsonrpc: '2.0', method: 'a' }, reply(1)])
  })

  it('MCP-28 rejects with an error of this library, which names the server and not its path', async () => {
    const closed = httpTransport('http://127.0.0.1:1/mcp?key=canary')
    const error: unknown = await closed.send(ask(1)).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ProcuraError)
    expect(error).toMatchObject({
      ...{ code: 'ERR_TRANSPORT', fault: 'unreachable', cause: expect.any(TypeError) },
      message: 'the server at http://127.0.0.1:1 could not be reached',
    })
    const refusal = new VaultError('ERR_VAULT_UNAVAILABLE', 'the store is away')
    const { transport } = open(() => Promise.reject(refusal))
    await expect(transport.send(ask(1))).rejects.toBe(refusal)
  })

  it('MCP-28 rejects where the answer is missing, refused, malformed, too large, of another type or late', async () => {
    const cases: readonly (readonly [RegExp, () => Response | Promise<Response>])[] = [
      [/without an answer/, () => stream('data: {"jsonrpc":"2.0","method":"a"}\n\n')],
      [/without an answer/, () => stream('id: 1\ndata: {"jsonrpc":"2.0","id":1,"result":{}}')],
      [/without an answer/, () => json(reply(2))],
      [/without an answer/, accepted],
      [/without an answer/, () => new Response('hello')],
      [/is not JSON/, () => new Response('{', { headers: { 'content-type': 'application/json' } })],
      [/more than 100 characters/, () => json({ ...reply(1), result: 'x'.repeat(100) })],
      [/without an answer/, () => stream(`data: ${'x'.repeat(200)}`)],
      [
        /status 302; redirects are not followed/,
        () => new Response(null, { status: 302, headers: { location: '/b' } }),
      ],
      [/status 401; check its credential/, () => json({ error: 'token' }, {}, 401)],
      [/status 500/, () => json({ jsonrpc: '2.0', id: 2, error: {} }, {}, 500)],
      [/invalid session id/, () => json(reply(1), { 'mcp-session-id': 'a b' })],
      [/no response began within 50 ms/, () => new Promise(() => undefined)],
      [/could not be reached/, () => Promise.reject(new Error('broken pipe'))],
    ]
    for (const [message, answer] of cases) {
      const { transport } = open(({ method }) => (method === 'GET' ? none() : answer()), {
        maxMessageChars: 100,
        responseMs: 50,
      })
      await expect(transport.send(ask(1, 'initialize')), String(message)).rejects.toThrow(message)
    }
    const { transport, messages } = open(() => json({ jsonrpc: '2.0', id: 1, error: { code: -32_020 } }, {}, 400))
    await transport.send(ask(1))
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32_020 } }])
  })

  it('MCP-28 ends when the server has forgotten the session', async () => {
    let isForgotten = false
    const { transport, closed, errors } = open(({ body }) =>
      isForgotten ? new Response(null, { status: 404 }) : json(reply(body?.id), { 'mcp-session-id': 'S1' }),
    )
    await transport.send(ask(1, 'initialize'))
    isForgotten = true
    await expect(transport.send(ask(2))).rejects.toThrow('ended the session')
    await new Promise(setImmediate)
    expect([closed(), errors.map(({ message }) => message)]).toEqual([1, ['the server has ended the session']])
  })

  it('MCP-28 ends the response of a request that is cancelled, and of all when it closes', async () => {
    const endless = (): Response =>
      new Response(new ReadableStream({ start: () => undefined }), { headers: { 'content-type': 'text/event-stream' } })
    const { transport } = open(({ body }) => (body?.method === 'ping' ? endless() : accepted()))
    const one = transport.send(ask('a'))
    const other = transport.send(ask('b'))
    await new Promise(setImmediate)
    await transport.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a' } })
    await expect(one).rejects.toThrow('without an answer')
    await transport.close()
    await expect(other).rejects.toThrow()
  })

  it('MCP-28 repeats parts of the body in headers from 2026-07-28 on, and sends with the credential of a call', async () => {
    const { transport, requests } = open(() => accepted())
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const call = { ...ask(1, 'tools/call'), params: { name: 'é', _meta } }
    const used: unknown[] = []
    await transport.send(call, {
      fetch: async (to: string, request: object) => {
        used.push(to, request)
        return json(reply(1))
      },
    })
    expect(requests).toEqual([])
    expect(used).toEqual([
      url,
      {
        method: 'POST',
        redirect: 'return',
        body: JSON.stringify(call),
        headers: {
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': '=?base64?w6k=?=',
        },
      },
    ])
    await transport.send({ ...ask(2, 'resources/read'), params: { uri: 'a:b', _meta } }).catch(() => undefined)
    expect(requests[0]?.headers.get('mcp-name')).toBe('a:b')
  })

  for (const sdk of [1, 2] as const) {
    it(`MCP-28 works with the server and the client of SDK ${sdk}, with a stream of the server`, async () => {
      const made = serverOf(sdk)
      made.register({
        name: 'echo',
        args: ['to'],
        callback: (args) => ({ content: [{ type: 'text', text: Object(args).to }] }),
      })
      const http = new (sdk === 1 ? HttpServerOne : HttpServerTwo)({ sessionIdGenerator: () => crypto.randomUUID() })
      await made.server.connect(http as never)
      const methods: string[] = []
      const transport = httpTransport(url, {
        fetch: (to, request) => {
          methods.push(request.method as string)
          return http.handleRequest(new Request(to, request))
        },
      })
      const client = sdk === 1 ? new ClientOne({ name: 'a', version: '1' }) : new ClientTwo({ name: 'a', version: '1' })
      await client.connect(transport as never)
      expect(await client.callTool({ name: 'echo', arguments: { to: 'x' } })).toMatchObject({
        content: [{ text: 'x' }],
      })
      const { onmessage } = transport
      const listed = new Promise<void>((resolve) => {
        transport.onmessage = (message) => {
          if (Object(message).method === 'notifications/tools/list_changed') resolve()
          return onmessage?.(message)
        }
      })
      while (!methods.includes('GET')) await new Promise(setImmediate)
      made.register({ name: 'more', args: [], callback: () => ({ content: [] }) })
      await listed
      await client.close()
      expect(methods.at(-1)).toBe('DELETE')
    })
  }

  it('MCP-28 works with a server of 2026-07-28', async () => {
    const handler = createMcpHandler(() => {
      const made = serverOf(2)
      made.register({
        name: 'echo',
        args: ['to'],
        callback: (args) => ({ content: [{ type: 'text', text: Object(args).to }] }),
      })
      return made.server as never
    })
    const transport = httpTransport(url, { fetch: (to, request) => handler.fetch(new Request(to, request)) })
    const client = new ClientTwo({ name: 'a', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(transport as never)
    expect(await client.callTool({ name: 'echo', arguments: { to: 'x' } })).toMatchObject({ content: [{ text: 'x' }] })
    await client.close()
  })

  it('refuses wrong arguments', () => {
    for (const wrong of ['', 'ftp://a.example', 'https://user:pass@a.example/', 7])
      expect(() => httpTransport(wrong as string)).toThrow(ArgumentError)
    expect(() => httpTransport(url, { header: {} } as never)).toThrow(/did you mean `headers`/)
  })
})
