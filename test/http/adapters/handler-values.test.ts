import { createServer } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { watchedBody } from '../../../src/http/adapters/watched-body.ts'
import { containerOf, serviceWith } from './routes.ts'
import { frameworks, listen } from './servers.ts'
import { exchange } from './socket.ts'

async function answered(handler: () => unknown): Promise<{ response: Response; errors: unknown[] }> {
  const errors: unknown[] = []
  const handle = fetchHandler(serviceWith(handler), { onError: (error) => void errors.push(error) })
  const headers = { 'x-ucan-container': await containerOf() }
  return { response: await handle(new Request('https://service.example/', { method: 'POST', headers })), errors }
}

const text = 'hello '.repeat(1_000)

describe('HTP-52 a response that the handler got from `fetch`', () => {
  const bodies: Readonly<Record<string, Uint8Array>> = {
    gzip: gzipSync(text),
    'X-Gzip': gzipSync(text),
    deflate: deflateSync(text),
    'deflate, gzip': gzipSync(deflateSync(text)),
    identity: Buffer.from(text),
  }

  it.each(Object.entries(frameworks))('arrives whole, in every coding of its upstream: %s', async (_name, start) => {
    const upstream = await listen(
      createServer((request, response) => {
        const coding = decodeURIComponent((request.url as string).slice(1))
        const body = bodies[coding] as Uint8Array
        response.writeHead(200, { 'content-encoding': coding, 'content-length': body.length, etag: '"1"' })
        response.end(body)
      }),
    )
    let coding = ''
    const service = serviceWith(() => fetch(`http://127.0.0.1:${upstream.port}/${encodeURIComponent(coding)}`))
    const server = await start(new Map([['/mail', { service, options: {} }]]))
    try {
      for (coding of Object.keys(bodies)) {
        const headers = { 'x-ucan-container': await containerOf() }
        const response = await fetch(`http://127.0.0.1:${server.port}/mail`, { method: 'POST', headers })
        expect([response.headers.get('etag'), await response.text()], coding).toEqual(['"1"', text])
      }
    } finally {
      await server.close()
      await upstream.close()
    }
  })

  it('keeps its headers when `fetch` has not decoded it: there is no body, or a coding is unknown', async () => {
    const body = gzipSync(text)
    const upstream = await listen(
      createServer(({ method }, response) => {
        response.writeHead(200, { 'content-encoding': method === 'HEAD' ? 'gzip' : 'gzip, x-other' })
        response.end(method === 'HEAD' ? undefined : body)
      }),
    )
    try {
      const of = async (method: string): Promise<Response> =>
        (await answered(() => fetch(`http://127.0.0.1:${upstream.port}/`, { method }))).response
      expect((await of('HEAD')).headers.get('content-encoding')).toBe('gzip')
      const unknown = await of('GET')
      expect(unknown.headers.get('content-encoding')).toBe('gzip, x-other')
      expect(Buffer.from(await unknown.arrayBuffer()).equals(body)).toBe(true)
    } finally {
      await upstream.close()
    }
  })

  it('keeps the headers of a body that the handler has encoded, or of no body', async () => {
    const headers = { 'content-encoding': 'gzip', 'content-language': 'en' }
    for (const body of [gzipSync(text), null]) {
      const { response } = await answered(() => new Response(body, { headers }))
      expect(Object.fromEntries(response.headers), String(body)).toMatchObject(headers)
    }
  })
})

describe('HTP-23 the end of a response', () => {
  it.each(Object.entries(frameworks))('comes at once for HEAD, and the body is cancelled: %s', async (_name, start) => {
    let [pulls, cancelled] = [0, 0]
    const service = serviceWith(() => {
      const body = new ReadableStream<Uint8Array>({
        // Rows that are made as they are read, without an end.
        pull(controller) {
          pulls += 1
          if (pulls > 10_000) controller.close()
          else controller.enqueue(new Uint8Array(1_024))
        },
        cancel: () => void cancelled++,
      })
      return new Response(body, { headers: { 'content-type': 'text/plain' } })
    })
    const server = await start(new Map([['/mail', { service, options: {} }]]))
    try {
      const lines = ['HEAD /mail HTTP/1.1', 'host: a', 'connection: close', `x-ucan-container: ${await containerOf()}`]
      const { status, body } = await exchange(server.port, `${lines.join('\r\n')}\r\n\r\n`)
      expect([status, body]).toEqual([200, ''])
      await expect.poll(() => cancelled).toBe(1)
      expect(pulls).toBeLessThan(10)
    } finally {
      await server.close()
    }
  })

  it.each(['express', 'fastify', 'node'])(
    'is an error for a client of HTTP/1.0 if the body fails: %s',
    async (name) => {
      const service = serviceWith(() => {
        let pulls = 0
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            pulls += 1
            if (pulls === 1) return controller.enqueue(new TextEncoder().encode('revoked: alice\n'))
            await new Promise((resolve) => setTimeout(resolve, 50))
            controller.error(new Error('canary'))
          },
        })
        return new Response(body)
      })
      const server = await (frameworks[name] as (typeof frameworks)[string])(
        new Map([['/mail', { service, options: {} }]]),
      )
      try {
        const container = await containerOf()
        const socket = connect(server.port, '127.0.0.1')
        const ended = new Promise((resolve) => {
          socket
            .on('end', () => resolve('a whole body'))
            .on('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
        })
        socket.resume().write(`GET /mail HTTP/1.0\r\nhost: a\r\nx-ucan-container: ${container}\r\n\r\n`)
        expect(await ended).toBe('ECONNRESET')
      } finally {
        await server.close()
      }
    },
  )

  it.each(Object.entries(frameworks))(
    'is that of its bytes, whatever length the handler has set: %s',
    async (_, start) => {
      const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nFORGED'
      const responses = [
        new Response(`done${forged}`, { headers: { 'content-length': '4' } }),
        new Response('done', { headers: { 'content-length': '9' } }),
        new Response(null, { headers: { 'content-length': '9' } }),
      ]
      const service = serviceWith(() => responses.shift())
      const server = await start(new Map([['/mail', { service, options: {} }]]))
      try {
        for (const expected of [`done${forged}`, 'done', '']) {
          const headers = { 'x-ucan-container': await containerOf() }
          const response = await fetch(`http://127.0.0.1:${server.port}/mail`, { method: 'POST', headers })
          expect(await response.text()).toBe(expected)
        }
      } finally {
        await server.close()
      }
    },
  )
})

describe('HTP-23 a body that fails', () => {
  const failing = (): Response =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.error(new Error('canary')) }, { highWaterMark: 0 }),
    )

  it.each(Object.entries(frameworks))(
    'before its first byte shows the client nothing of its error, and `onError` receives it: %s',
    async (_name, start) => {
      const errors: unknown[] = []
      const options = { onError: (error: unknown): void => void errors.push(error) }
      const server = await start(new Map([['/mail', { service: serviceWith(failing), options }]]))
      try {
        const bytes = `POST /mail HTTP/1.1\r\nhost: a\r\nx-ucan-container: ${await containerOf()}\r\ncontent-length: 0\r\n\r\n`
        const { body } = await exchange(server.port, bytes).catch(() => ({ body: 'closed' }))
        expect(body).not.toContain('canary')
        expect(errors).toEqual([new Error('canary')])
      } finally {
        await server.close()
      }
    },
  )
})

describe('HTP-52 a response to HEAD', () => {
  it.each(Object.entries(frameworks))('has no length that its handler did not give it: %s', async (_name, start) => {
    let given: Record<string, string> = {}
    const service = serviceWith(() => new Response(null, { headers: given }))
    const server = await start(new Map([['/mail', { service, options: {} }]]))
    try {
      for (const [method, length, expected] of [
        ['HEAD', undefined, undefined],
        ['HEAD', '77', '77'],
        ['GET', undefined, '0'],
      ] as const) {
        given = length === undefined ? {} : { 'content-length': length }
        const bytes = `${method} /mail HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-ucan-container: ${await containerOf()}\r\n\r\n`
        const { headers } = await exchange(server.port, bytes)
        const line = headers.find((header) => header.startsWith('content-length:'))
        expect(line, `${method} ${length}`).toBe(expected && `content-length: ${expected}`)
      }
    } finally {
      await server.close()
    }
  })
})

describe('HTP-23 a response that cannot be sent', () => {
  it('is answered with 500, also without `onError`: its body was read, or is being read', async () => {
    const handlers = [
      async () => {
        const response = new Response('canary')
        await response.text()
        return response
      },
      () => {
        const response = new Response('canary')
        response.body?.getReader()
        return response
      },
    ]
    for (const handler of handlers) {
      const headers = { 'x-ucan-container': await containerOf() }
      const request = new Request('https://service.example/', { method: 'POST', headers })
      expect((await fetchHandler(serviceWith(handler))(request)).status).toBe(500)
    }
  })

  it('has its body cancelled when a header contains a control character', async () => {
    const cancel = vi.fn()
    const headers = { 'x-name': 'a\u0001b' }
    const { response } = await answered(() => new Response(new ReadableStream({ cancel }), { headers }))
    expect([response.status, cancel.mock.calls.length]).toEqual([500, 1])
  })

  it('is not reported when its body fails because its client has left', async () => {
    for (const hasLeft of [true, false]) {
      const client = new AbortController()
      const errors: unknown[] = []
      const body = (): Response =>
        new Response(
          new ReadableStream({ pull: (controller) => controller.error(new Error('x')) }, { highWaterMark: 0 }),
        )
      const handle = fetchHandler(serviceWith(body), { onError: (error) => void errors.push(error) })
      const headers = { 'x-ucan-container': await containerOf() }
      const { signal } = client
      const response = await handle(new Request('https://service.example/', { method: 'POST', headers, signal }))
      if (hasLeft) client.abort()
      await expect(response.text()).rejects.toThrow()
      expect(errors.length).toBe(hasLeft ? 0 : 1)
    }
  })
})

describe('a body that is watched', () => {
  it('is read when its reader asks, and cancelled when its signal is or was aborted', async () => {
    for (const isEarly of [true, false]) {
      const [pull, cancel] = [vi.fn(), vi.fn()]
      const until = new AbortController()
      if (isEarly) until.abort('gone')
      const body = new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 })
      const reader = watchedBody(body, () => undefined, until.signal).getReader()
      await new Promise(setImmediate)
      expect(pull).not.toHaveBeenCalled()
      until.abort('gone')
      expect(cancel.mock.calls).toEqual([['gone']])
      expect(await reader.read()).toEqual({ done: true, value: undefined })
    }
  })
})

describe('HTP-21 a value that JSON cannot represent', () => {
  it.each<readonly [string, unknown]>([
    ['a stream', new ReadableStream()],
    ['a stream', Readable.from(['canary'])],
    ['a stream', (async function* () {})()],
    ['a file', new Blob(['canary'])],
    ['binary data', Buffer.from('canary')],
    ['binary data', new ArrayBuffer(1)],
    ['a map or a set', new Map([['canary', 1]])],
    ['a map or a set', new Set(['canary'])],
    ['an error', new Error('canary')],
    // Of the package `undici`, `node-fetch` or another realm.
    [
      'an object of the type Response',
      runInNewContext('class Response { get [Symbol.toStringTag]() { return "Response" } }; new Response()'),
    ],
    ['an object of the type Headers', new Headers({ canary: '1' })],
    ['an object of the type FormData', new FormData()],
    ['an object of the type URLSearchParams', new URLSearchParams({ canary: '1' })],
    ['an object of the type Generator', (function* () {})()],
    ['an object of the type SharedArrayBuffer', new SharedArrayBuffer(1)],
    ['an object of the type RegExp', /canary/],
  ])('is not sent as something else: %s', async (kind, value) => {
    const { response, errors } = await answered(() => value)
    expect([response.status, await response.text()]).toEqual([
      500,
      '{"title":"The call failed","status":500,"code":"handler_failed"}',
    ])
    expect(String(errors)).toMatch(
      `TypeError: the value of the handler is ${kind}, which JSON cannot represent; return`,
    )
  })

  it('is a value of its own class if it has `toJSON`, or plain members', async () => {
    class Row {
      id = 1
    }
    const rows = Object.assign(new Map([['a', 1]]), { toJSON: () => ['a'] })
    for (const [value, json] of [
      [new Row(), '{"id":1}'],
      [rows, '["a"]'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [null, 'null'],
    ]) {
      const { response } = await answered(() => value)
      expect([response.status, await response.text()]).toEqual([200, json])
    }
  })
})
