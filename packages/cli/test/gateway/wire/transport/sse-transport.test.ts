import { TransportError } from 'procura/errors'
import { describe, expect, it } from 'vitest'
import { until } from '../../../../../../test/support/until.ts'
import type { HttpTransportOptions } from '../../../../src/gateway/wire/transport/http-transport.ts'
import { sseTransport } from '../../../../src/gateway/wire/transport/sse-transport.ts'

const url = 'http://server.example/sse'
const ask = (id: unknown, method = 'ping') => ({ jsonrpc: '2.0', id, method })
const reply = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} })
const address = 'event: endpoint\ndata: /messages?session=1\n\n'
const message = (value: unknown): string => `event: message\ndata: ${JSON.stringify(value)}\n\n`

/** A transport to a server that the test plays: `say` adds to its stream. */
function open(options: HttpTransportOptions & { readonly first?: string; readonly answer?: () => Response } = {}) {
  const { first = address, answer = () => new Response(null, { status: 202 }), ...more } = options
  const requests: { readonly to: string; readonly method: string; readonly body: unknown }[] = []
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined
  const say = (text: string): void => stream?.enqueue(new TextEncoder().encode(text))
  const transport = sseTransport(url, {
    async fetch(to, { method = '', body, redirect }) {
      expect(redirect).toBe('manual')
      requests.push({ to, method, body: typeof body === 'string' ? JSON.parse(body) : undefined })
      if (method !== 'GET') return answer()
      const text = new ReadableStream<Uint8Array>({
        start(controller) {
          stream = controller
          if (first !== '') say(first)
        },
      })
      return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
    },
    ...more,
  })
  const [messages, errors]: [unknown[], unknown[]] = [[], []]
  let closed = 0
  transport.onmessage = (one) => void messages.push(one)
  transport.onerror = (error) => void errors.push(error)
  transport.onclose = () => {
    closed += 1
  }
  return { transport, requests, messages, errors, say, end: () => stream?.close(), closed: () => closed }
}

describe('sseTransport', () => {
  it('sends to the address that the stream names, and a request ends with its response [GTW-49]', async () => {
    const { transport, requests, messages, say } = open()
    let isDone = false
    const sent = transport.send(ask(1)).then(() => {
      isDone = true
    })
    await until(() => requests.length === 2)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isDone).toBe(false)
    say(message(reply(2)) + message({ jsonrpc: '2.0', method: 'notifications/message' }) + message(reply(1)))
    await sent
    expect(messages).toHaveLength(3)
    await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    expect(requests.map(({ to, method }) => `${method} ${to}`)).toEqual([
      `GET ${url}`,
      'POST http://server.example/messages?session=1',
      'POST http://server.example/messages?session=1',
    ])
  })

  for (const data of ['https://server.example/messages', 'http://evil.test/', '//evil.test/x', 'http://[', 'data:,x'])
    it(`sends nothing to another origin: ${data} [GTW-49]`, async () => {
      const { transport, requests, closed } = open({ first: `event: endpoint\ndata: ${data}\n\n` })
      await expect(transport.send(ask(1))).rejects.toThrow(/not of its own origin/)
      expect([requests.length, closed()]).toEqual([1, 1])
      await expect(transport.send(ask(2))).rejects.toThrow('the connection has ended')
      expect(requests).toHaveLength(1)
    })

  it('ends the requests in progress with the stream, and the connection with them [GTW-49]', async () => {
    const { transport, requests, errors, end, closed } = open()
    const sent = transport.send(ask(1))
    await until(() => requests.length === 2)
    end()
    await expect(sent).rejects.toThrow('the server has ended its stream')
    expect(errors).toEqual([expect.any(TransportError)])
    expect(closed()).toBe(1)
    await transport.close()
    expect(closed()).toBe(1)
  })

  it('does not wait without end for the address, and closes at once [GTW-49]', async () => {
    const silent = open({ first: ': hello\n\n', responseMs: 50 })
    await expect(silent.transport.send(ask(1))).rejects.toThrow('the server named no address for messages within 50 ms')
    const waiting = open({ first: '' })
    const sent = waiting.transport.send(ask(1))
    await until(() => waiting.requests.length === 1)
    await waiting.transport.close()
    await expect(sent).rejects.toThrow('the connection has ended')
    expect([waiting.closed(), waiting.errors]).toEqual([1, []])
  })

  it('reports a status, a body that is no stream, and a message that is not JSON [GTW-49]', async () => {
    const refused = open({ answer: () => new Response('canary', { status: 401 }) })
    await expect(refused.transport.send(ask(1))).rejects.toThrow(
      'the server refused a message with the status 401; check its credential',
    )
    const { transport, messages, errors, say, closed } = open()
    const sent = transport.send(ask(1))
    await new Promise((resolve) => setTimeout(resolve, 20))
    say(`data: {\n\n${message(reply(1))}`)
    await sent
    expect([messages.length, String(errors), closed()]).toEqual([
      1,
      'TransportError: a message of the server is not JSON',
      0,
    ])
    for (const response of [() => new Response('no', { status: 405 }), () => Response.json({})]) {
      const none = open({ fetch: async () => response() })
      await expect(none.transport.send(ask(1))).rejects.toThrow(
        /^the server has no stream of HTTP\+SSE: status (405|200)$/,
      )
      expect(none.closed()).toBe(1)
    }
  })

  it('bounds an event, and a cancelled request is not waited for [GTW-49]', async () => {
    const { transport, requests, say, closed } = open({ maxMessageChars: 200 })
    const sent = transport.send(ask(7)).catch((error: unknown) => error)
    await until(() => requests.length === 2)
    await transport.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } })
    expect(await sent).toMatchObject({ name: 'AbortError' })
    const open2 = transport.send(ask(8)).catch((error: unknown) => error)
    await until(() => requests.length === 4)
    say(message({ ...reply(8), result: { text: 'x'.repeat(300) } }))
    expect(String(await open2)).toContain('an event has more than 200 characters')
    expect(closed()).toBe(1)
  })
})
