import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import express, { type Express } from 'express'
import Fastify, { type FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import { verifyReceipt } from '../../../src/core/receipt/verify-receipt.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { expressHandler } from '../../../src/http/adapters/express.ts'
import { containerBodies, fastifyHandler, unreadBodies } from '../../../src/http/adapters/fastify.ts'
import { fetchHandler } from '../../../src/http/adapters/fetch.ts'
import { honoHandler } from '../../../src/http/adapters/hono.ts'
import { nodeHandler } from '../../../src/http/adapters/node.ts'
import type { Service } from '../../../src/service/service.ts'
import { service as self } from '../../support/service.ts'
import { containerOf, send, serviceWith } from './routes.ts'
import { frameworks, type Listening, listen } from './servers.ts'
import { exchange, type RawResponse } from './socket.ts'

const inBody = (body: string | Uint8Array, type = 'application/x-ucan-container'): Uint8Array =>
  Buffer.concat([
    Buffer.from(
      `POST /mail HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
    ),
    Buffer.from(body as string, 'latin1'),
  ])

async function within<T>(server: Listening, task: (port: number) => Promise<T>): Promise<T> {
  try {
    return await task(server.port)
  } finally {
    await server.close()
  }
}

const short = ({ status, body }: RawResponse): string =>
  `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? body.slice(0, 40)}`

describe('HTP-23 a response of the handler', () => {
  const answered = async (given: () => Response): Promise<Response> => {
    const handle = fetchHandler(serviceWith(given), { command: send })
    const headers = { 'x-ucan-container': await containerOf() }
    return handle(new Request('https://service.example/mail', { method: 'POST', headers }))
  }

  it('loses each header of one connection, those that `Connection` names, and no other', async () => {
    const ofConnection = [
      ...['Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Proxy-Connection', 'TE', 'Trailer'],
      ...['Transfer-Encoding', 'Upgrade', 'HTTP2-Settings', 'X-UCAN-Container', 'X-Named', 'X-Other'],
    ]
    const response = await answered(() => {
      const headers = new Headers({ connection: 'close, X-Named,x-other', 'x-kept': '1', etag: '"1"' })
      for (const name of ofConnection) headers.set(name, 'canary')
      return new Response('ok', { status: 201, headers })
    })
    expect([response.status, await response.text()]).toEqual([201, 'ok'])
    expect([...response.headers].filter(([, value]) => value.includes('canary'))).toEqual([])
    expect(response.headers.has('connection')).toBe(false)
    expect(['x-kept', 'etag'].map((name) => response.headers.get(name))).toEqual(['1', '"1"'])
  })

  it.each([
    ['a result', () => ({ sent: true }), 'no-store'],
    ['no result', () => undefined, 'no-store'],
    ['a response', () => new Response('ok'), 'private'],
    ['a response without a body', () => new Response(null, { status: 304, headers: { etag: '"1"' } }), 'private'],
    [
      'a response with `Cache-Control`',
      () => new Response('ok', { headers: { 'Cache-Control': 'public, max-age=60' } }),
      'public, max-age=60',
    ],
  ])('HTP-47 is stored by no shared cache unless the handler allows it: %s [attack 77]', async (_, value, expected) => {
    const response = await answered(value as () => Response)
    expect(response.headers.get('cache-control')).toBe(expected)
  })

  it.each([
    ['without a body', 200, {}, '0'],
    ['without a body, of another status', 404, {}, '0'],
    ['without a body whose length is wrong', 200, { 'content-length': '7' }, '0'],
    ['that cannot have a body', 204, {}, null],
    ['that cannot have a body, to a conditional request', 304, {}, null],
  ])('%s has the right length', async (_, status, headers, length) => {
    const response = await answered(() => new Response(null, { status, headers }))
    expect([response.status, response.headers.get('content-length')]).toEqual([status, length])
  })
})

describe('HTP-20 a body that a parser of the framework reads first', () => {
  const parsers: readonly (readonly [string, string, (app: Express) => unknown])[] = [
    ['express.json', '200 "done"', (app) => app.use(express.json())],
    ['express.raw for every type', '200 "done"', (app) => app.use(express.raw({ type: () => true }))],
    ['express.text for every type', '200 "done"', (app) => app.use(express.text({ type: () => true }))],
    [
      'a middleware that keeps nothing',
      '400 container_unreadable',
      (app) =>
        app.use((request, _, next) => {
          request.on('data', () => undefined).on('end', () => next())
        }),
    ],
  ]
  for (const [title, expected, use] of parsers) {
    it(`Express with ${title}: ${expected}`, async () => {
      const app = express()
      use(app)
      app.post('/mail', expressHandler(serviceWith(), { command: send }))
      const response = await within(await listen(createServer(app)), async (port) =>
        exchange(port, inBody(await containerOf())),
      )
      expect(short(response)).toBe(expected)
    })
  }

  it('Express with express.json for every type refuses it, unless the route is before the parser', async () => {
    const app = express()
    app.post('/before/mail', expressHandler(serviceWith(), { command: send }))
    app.use(express.json({ type: '*/*' }))
    app.post('/mail', expressHandler(serviceWith(), { command: send }))
    const body = await containerOf()
    const before = Buffer.from(inBody(body)).toString('latin1').replace('/mail', '/before/mail')
    await within(await listen(createServer(app)), async (port) => {
      expect(short(await exchange(port, Buffer.from(before, 'latin1')))).toBe('200 "done"')
      const refused = await exchange(port, inBody(body))
      expect(refused.status).toBe(400)
      expect(refused.body).not.toContain('"done"')
    })
  })

  for (const [name, start] of Object.entries(frameworks)) {
    it(`of a GET is refused: ${name}`, async () => {
      const request = Buffer.from(inBody(await containerOf()))
        .toString('latin1')
        .replace('POST', 'GET')
      await within(
        await start(new Map([['/mail', { service: serviceWith(), options: { command: send } }]])),
        async (port) => {
          const { status, body } = await exchange(port, Buffer.from(request, 'latin1'))
          expect(JSON.parse(body)).toMatchObject({ code: 'container_unreadable' })
          expect([status, body]).toEqual([400, expect.stringContaining('in a header, or use POST')])
        },
      )
    })
  }

  const plugins: readonly (readonly [string, string, (app: FastifyInstance) => unknown])[] = [
    ['containerBodies', '200 "done"', (app) => app.register(containerBodies)],
    [
      'a parser of its own',
      '200 "done"',
      (app) => app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body)),
    ],
    [
      'a parser that keeps nothing',
      '400 container_unreadable',
      (app) =>
        app.addContentTypeParser('*', (_, payload, done) => {
          payload.on('data', () => undefined).on('end', () => done(null, {}))
        }),
    ],
    ['no parser', '415 FST_ERR_CTP_INVALID_MEDIA_TYPE', () => undefined],
  ]
  for (const [title, expected, use] of plugins) {
    it(`Fastify with ${title}: ${expected}`, async () => {
      const app = Fastify()
      await use(app)
      app.post('/mail', fastifyHandler(serviceWith(), { command: send }))
      await app.listen({ port: 0, host: '127.0.0.1' })
      const server = { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
      const response = await within(server, async (port) => exchange(port, inBody(await containerOf())))
      expect(short(response)).toBe(expected)
    })
  }

  it.each<readonly [string, string, number, (app: FastifyInstance) => unknown]>([
    ['no parser', 'POST', 1, () => undefined],
    ['no parser', 'GET', 0, () => undefined],
    ['containerBodies', 'POST', 0, (app) => app.register(containerBodies)],
    ['unreadBodies', 'POST', 0, (app) => app.register(unreadBodies)],
  ])(
    'HTP-20 Fastify with %s reports at the first %s that containers in bodies fail: %s',
    async (_, method, count, use) => {
      const app = Fastify()
      await use(app)
      const errors: string[] = []
      const onError = (error: unknown): void => void errors.push(String(error))
      app.all('/mail', fastifyHandler(serviceWith(), { command: send, onError }))
      await app.listen({ port: 0, host: '127.0.0.1' })
      const server = { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
      await within(server, async (port) => {
        for (let call = 0; call < 2; call += 1) {
          const lines = [
            `${method} /mail HTTP/1.1`,
            'host: a',
            'connection: close',
            `x-ucan-container: ${await containerOf()}`,
          ]
          expect((await exchange(port, `${lines.join('\r\n')}\r\n\r\n`)).status).toBe(200)
        }
      })
      expect(errors.length).toBe(count)
      for (const error of errors) expect(error).toContain('415; call `app.register(containerBodies)` before the routes')
    },
  )

  for (const [title, expected, read] of [
    ['c.req.arrayBuffer', '200 "done"', (request: { arrayBuffer(): unknown }) => request.arrayBuffer()],
    ['c.req.text', '200 "done"', (request: { text(): unknown }) => request.text()],
    ['the body of the raw request', '400 container_unreadable', (request: { raw: Request }) => request.raw.text()],
  ] as const) {
    it(`Hono after ${title}: ${expected}`, async () => {
      const app = new Hono()
      app.use(async (c, next) => {
        await read(c.req as never)
        await next()
      })
      app.post('/mail', honoHandler(serviceWith(), { command: send }))
      const response = await within(await listen(createAdaptorServer({ fetch: app.fetch }) as never), async (port) =>
        exchange(port, inBody(await containerOf())),
      )
      expect(short(response)).toBe(expected)
    })
  }

  it('is refused by every adapter, and never runs a handler, if its type is malformed', async () => {
    for (const [name, start] of Object.entries(frameworks)) {
      let ran = 0
      const service = serviceWith(() => ran++)
      const response = await within(await start(new Map([['/mail', { service, options: {} }]])), async (port) =>
        exchange(port, inBody(await containerOf(), 'application/x-ucan-container, text/plain')),
      )
      expect([ran, response.status >= 400 && response.status < 500], name).toEqual([0, true])
    }
  })
})

describe('requests and responses that break off', () => {
  it.each([1, 2])(
    'HTP-26 no handler runs for a client that left while a middleware waited: request %i',
    async (last) => {
      let ran = 0
      const answered: unknown[] = []
      const handle = nodeHandler(
        serviceWith(() => ran++),
        { command: send },
      )
      let arrived = 0
      const server = createServer(async (request, response) => {
        arrived += 1
        // The first one of two is not answered, so the other one waits.
        if (arrived < last) return
        await once(request.socket, 'close')
        answered.push(await handle(request, response))
      })
      await within(await listen(server), async (port) => {
        const socket = connect(port, '127.0.0.1')
        for (let count = 0; count < last; count++) {
          const container = await containerOf()
          socket.write(`POST / HTTP/1.1\r\nhost: a\r\nx-ucan-container: ${container}\r\ncontent-length: 0\r\n\r\n`)
        }
        await expect.poll(() => arrived).toBe(last)
        socket.destroy()
        await expect.poll(() => answered.length).toBe(1)
      })
      expect(ran).toBe(0)
    },
  )

  it.each(['express', 'fastify', 'node'])(
    'HTP-26 a client that leaves ends all calls that it has sent at once: %s',
    async (name) => {
      const start = frameworks[name] as (typeof frameworks)[string]
      let [called, aborted, cancelled] = [0, 0, 0]
      const service = serviceWith(({ signal }: { signal: AbortSignal }) => {
        called += 1
        if (called % 2 === 0) {
          const cancel = (): void => void cancelled++
          return new Response(new ReadableStream({ cancel }))
        }
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            aborted += 1
            reject(signal.reason)
          }),
        )
      })
      const warnings: string[] = []
      const onWarning = ({ message }: Error): unknown => warnings.push(message)
      process.on('warning', onWarning)
      await within(await start(new Map([['/mail', { service, options: {} }]])), async (port) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        for (let count = 0; count < 12; count++) {
          const container = await containerOf()
          socket.write(`POST /mail HTTP/1.1\r\nhost: a\r\nx-ucan-container: ${container}\r\ncontent-length: 0\r\n\r\n`)
        }
        await expect.poll(() => called).toBe(12)
        socket.destroy()
        await expect.poll(() => [aborted, cancelled]).toEqual([6, 6])
      })
      process.off('warning', onWarning)
      expect(warnings).toEqual([])
    },
  )

  for (const [name, start] of Object.entries(frameworks)) {
    it(`HTP-26 a client that leaves ends the call, and the server continues: ${name}`, async () => {
      const reasons: unknown[] = []
      const service = serviceWith(
        ({ signal }: { signal: AbortSignal }) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              reasons.push(signal.reason)
              reject(signal.reason)
            }),
          ),
      )
      await within(await start(new Map([['/mail', { service, options: {} }]])), async (port) => {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write(inBody(await containerOf()))
        await expect.poll(() => service.health().calls).toBe(1)
        socket.destroy()
        await expect.poll(() => reasons.length).toBe(1)
        await expect.poll(() => service.health().calls).toBe(0)
        // A body that ends before its announced length.
        const cut = connect(port, '127.0.0.1')
        cut.on('error', () => undefined)
        cut.end(inBody(await containerOf()).subarray(0, -50))
        await new Promise((resolve) => cut.on('close', resolve).resume())
        expect(service.health().calls).toBe(0)
        const after = await exchange(port, inBody('zzzz'))
        expect(short(after)).toBe('400 unsupported')
      })
    })

    it(`HTP-23 a body that fails is not complete for the client, and none is read ahead: ${name}`, async () => {
      let pulls = 0
      const service = serviceWith(
        () =>
          new Response(
            new ReadableStream(
              {
                pull(controller) {
                  pulls += 1
                  if (pulls > 3) controller.error(new Error('canary'))
                  else controller.enqueue(new Uint8Array(10).fill(97))
                },
              },
              { highWaterMark: 0 },
            ),
          ),
      )
      await within(await start(new Map([['/mail', { service, options: {} }]])), async (port) => {
        const url = `http://127.0.0.1:${port}/mail`
        const headers = { 'x-ucan-container': await containerOf() }
        const read = async (): Promise<string> => (await fetch(url, { method: 'POST', headers })).text()
        await expect(read()).rejects.toThrow()
      })
    })
  }
})

describe('HTP-22 the receipt of a call', () => {
  it('is in the header of the response, for the result that the client received', async () => {
    const fetch = fetchHandler(serviceWith(() => ({ ok: true })))
    const container = await containerOf()
    const request = new Request('https://service.example/', { headers: { 'x-ucan-container': container } })
    const response = await fetch(request)
    const { invocations } = await openContainer(response.headers.get('x-ucan-container') ?? '')
    const [call] = (await openContainer(container)).invocations
    const value = await response.json()
    const verdict = await verifyReceipt(invocations[0]?.bytes as Uint8Array, {
      executor: self.did,
      task: call?.task as never,
      value,
    })
    expect(verdict).toMatchObject({ verified: true })
  })
})

describe('the request for a handler', () => {
  it('has the address that the client wrote, and another host only in Host', async () => {
    const seen: string[] = []
    const service = serviceWith()
    const { call } = service
    const watching: Service = {
      ...service,
      call: (container, options) => {
        const { request } = options ?? {}
        if (typeof request === 'function') seen.push(request().url)
        return call(container, options)
      },
    }
    const server = await listen(createServer(nodeHandler(watching)))
    await within(server, async (port) => {
      for (const [target, host] of [
        ['//evil.example/x', 'a'],
        ['/x?y', 'b:80'],
        ['/x', '%'],
        ['http://c.example/z', 'a'],
      ]) {
        const lines = [
          `GET ${target} HTTP/1.1`,
          `host: ${host}`,
          'connection: close',
          `x-ucan-container: ${await containerOf()}`,
        ]
        expect((await exchange(port, `${lines.join('\r\n')}\r\n\r\n`)).status).toBe(200)
      }
    })
    expect(seen).toEqual(['http://a//evil.example/x', 'http://b/x?y', 'http://localhost/x', 'http://c.example/z'])
  })
})

describe('the options of an adapter', () => {
  it('are checked when it is made', () => {
    for (const make of [fetchHandler, honoHandler, expressHandler, fastifyHandler, nodeHandler]) {
      expect(() => make({} as never), make.name).toThrow(ArgumentError)
      expect(() => make(serviceWith(), { comand: send } as never), make.name).toThrow(/did you mean `command`/)
      expect(() => make(serviceWith(), { takes: 'both' } as never), make.name).toThrow(/'calls' or 'revocations'/)
      expect(() => make(serviceWith(), { command: 7 } as never), make.name).toThrow(/must be a command definition/)
    }
  })

  it('HTP-21 report the error of a handler, which is not in the response', async () => {
    const errors: unknown[] = []
    const onError = (error: unknown): never => {
      errors.push(error)
      throw new Error('the listener fails too')
    }
    const failing = new Error('canary')
    const fetch = fetchHandler(
      serviceWith(() => Promise.reject(failing)),
      { onError },
    )
    const response = await fetch(
      new Request('https://service.example/', { headers: { 'x-ucan-container': await containerOf() } }),
    )
    expect([response.status, await response.text()]).toEqual([
      500,
      '{"title":"The call failed","status":500,"code":"handler_failed"}',
    ])
    expect(errors).toEqual([failing])
  })
})

describe('HTP-50 an error without `onError`', () => {
  it.each(Object.entries(frameworks))('is a warning of the process, and not silent: %s', async (_name, start) => {
    const failing = new Error('its `methods` are GET, HEAD')
    const service = serviceWith(() => Promise.reject(failing))
    const warnings: (Error & { detail?: string })[] = []
    const onWarning = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', onWarning)
    const server = await start(new Map([['/mail', { service, options: {} }]]))
    const response = await within(server, async (port) => exchange(port, inBody(await containerOf())))
    process.off('warning', onWarning)
    expect(short(response)).toBe('500 handler_failed')
    expect(warnings).toMatchObject([
      { name: 'ProcuraHandlerError', message: failing.message, detail: expect.stringContaining('bodies.test.ts') },
    ])
  })
})

describe('a route', () => {
  it.each([
    ['express', expressHandler],
    ['fastify', fastifyHandler],
    ['fetch', fetchHandler],
    ['hono', honoHandler],
    ['node', nodeHandler],
  ] as const)('HTP-28 that no call could use is refused when it is made: %s', (_name, handler) => {
    const service = serviceWith()
    expect(() => handler(service, { command: '/other' })).toThrow(/`command` is `\/other`.*no handler.*`handlers`/)
    expect(() => handler(service, { takes: 'revocations' })).toThrow(/`takes` is 'revocations'.*`registry: true`/)
    expect(() => handler(service, { command: send })).not.toThrow()
  })
})
