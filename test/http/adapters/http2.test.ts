// node only: starts servers
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import type { HandlerOptions } from '../../../src/http/adapters/answer.ts'
import { containerBodies, fastifyHandler } from '../../../src/http/adapters/fastify.ts'
import { honoHandler } from '../../../src/http/adapters/hono.ts'
import { nodeHandler } from '../../../src/http/adapters/node.ts'
import { bindRequest, requestArguments } from '../../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../../src/http/binding/request-binding.ts'
import { on } from '../../../src/service/on.ts'
import { createService, type Service } from '../../../src/service/service.ts'
import { actor, clock } from '../../support/actors.ts'
import { call, chainOf, delegateRaw, service as self } from '../../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const httpGrant = await delegateRaw(alice, bob, { command: '/http' })
const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The code of RST_STREAM; 0 for a whole response. */
  readonly code: number | undefined
}

type Start = (service: Service, options: HandlerOptions) => Promise<string>

const servers: Readonly<Record<string, Start>> = {
  async node(service, options) {
    const server = createServer(nodeHandler(service, options))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
  async fastify(service, options) {
    const app = Fastify({ http2: true })
    app.register(containerBodies)
    app.all('/*', fastifyHandler(service, options))
    closing.push(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
}

/** Hono reads HTTP/2 by the same server of Node. */
const bindingServers: Readonly<Record<string, Start>> = {
  ...servers,
  async hono(service, options) {
    const app = new Hono().all('/*', honoHandler(service, options))
    const server = createAdaptorServer({ fetch: app.fetch, createServer: createServer as never })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    closing.push(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
}

function open(url: string): ClientHttp2Session {
  const session = connect(url)
  session.on('error', () => undefined)
  closing.push(() => session.destroy())
  return session
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request({ ':method': 'POST', ':path': '/mail', ...headers })
    let received = ''
    let answered: IncomingHttpHeaders & { ':status'?: number | undefined } = {}
    stream.setEncoding('utf8')
    stream.on('response', (given) => {
      answered = given
    })
    stream.on('data', (part) => {
      received += part
    })
    stream.on('error', () => undefined)
    stream.on('close', () =>
      resolve({ status: answered[':status'], headers: answered, body: received, code: stream.rstCode }),
    )
    stream.end(body)
  })
}

const containerOf = async (kind = 'send'): Promise<string> =>
  encodeContainer([
    await call({ issuer: bob, proofs, command: `/mail/${kind}`, args: kind === 'send' ? { to: 'ann' } : {} }),
    ...proofs,
  ])

const bytes = (part: string): Uint8Array => new TextEncoder().encode(part)

function newService(): Service & { readonly seen: string[] } {
  const seen: string[] = []
  const plain = (kind: string) => defineCommand({ command: `/mail/${kind}`, args: {} })
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [
      on(defineCommand({ command: '/mail/send', args: { to: text() } }), ({ args }) => ({ sent: args.to })),
      on(plain('echo'), async (_, { request }) => {
        seen.push(`${request?.method} ${request?.url} ${request?.headers.get('x-a')}`)
        return new Response(await request?.text(), { headers: { connection: 'keep-alive', 'x-b': 'c' } })
      }),
      on(plain('breaks'), () => {
        let parts = 0
        return new Response(
          new ReadableStream({
            pull(controller) {
              parts += 1
              if (parts === 1) controller.enqueue(bytes('the first part'))
              else controller.error(new Error('canary'))
            },
          }),
        )
      }),
      on(plain('waits'), async ({ signal }) => {
        signal.addEventListener('abort', () => seen.push('aborted'))
        seen.push('waits')
        await once(signal, 'abort')
      }),
      on(plain('endless'), ({ signal }) => {
        signal.addEventListener('abort', () => seen.push('aborted'))
        return new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
            cancel: () => void seen.push('cancelled'),
          }),
        )
      }),
      on(
        defineCommand({ command: '/http/request', args: requestArguments() }),
        ({ args }) => `${args.method} ${args.path}`,
      ),
    ],
    audit: { sink: memoryAuditSink() },
    receipts: self,
    ...memoryStores({ clock }),
    registry: true,
    clock,
  })
  closing.push(() => service.close())
  return Object.assign(Object.create(service), { seen })
}

describe.each(Object.entries(servers))('HTTP/2 with %s', (name, start) => {
  it('HTP-25 has the same responses as HTTP/1.1, on one connection', async () => {
    const service = newService()
    const session = open(await start(service, {}))
    const allowed = await ask(session, { 'x-ucan-container': await containerOf() })
    expect(allowed).toMatchObject({ status: 200, body: '{"sent":"ann"}', code: 0 })
    expect(allowed.headers['x-ucan-container']).toMatch(/^C/)
    const inBody = await ask(session, { 'content-type': 'application/x-ucan-container' }, await containerOf())
    expect(inBody).toMatchObject({ status: 200 })
    const missing = await ask(session, {})
    expect([missing.status, JSON.parse(missing.body).code]).toEqual([401, 'container_missing'])
    const two = await ask(session, { 'x-ucan-container': await containerOf(), authorization: 'Bearer Cabc' })
    expect([two.status, JSON.parse(two.body).code]).toEqual([400, 'container_unreadable'])
    // A header that comes twice: another reader could take the other one.
    const [one, other] = [await containerOf(), await containerOf()]
    const twice = await ask(session, { 'x-ucan-container': [one, other] })
    expect([twice.status, JSON.parse(twice.body).code]).toEqual([400, 'container_unreadable'])
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => ask(session, { authorization: `Bearer ${await containerOf()}` })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  })

  it('gives the handler the request, and sends its response without the headers of one connection', async () => {
    const service = newService()
    const url = await start(service, {})
    const container = await containerOf('echo')
    const answer = await ask(
      open(url),
      { ':path': '/mail?a=b', 'x-a': '1', 'x-ucan-container': container },
      name === 'node' ? 'hello' : undefined,
    )
    expect(answer).toMatchObject({ status: 200, body: name === 'node' ? 'hello' : '' })
    expect([answer.headers['x-b'], answer.headers.connection]).toEqual(['c', undefined])
    expect(service.seen).toEqual([`POST ${url}/mail?a=b 1`])
  })

  it('HTP-23 ends a body that fails with an error, so that the client does not take it for complete', async () => {
    const session = open(await start(newService(), {}))
    const answer = await ask(session, { 'x-ucan-container': await containerOf('breaks') })
    expect(answer.status).toBe(200)
    expect(answer.code).not.toBe(0)
    expect(answer.body).not.toContain('canary')
  })

  it('HTP-26 ends an endless body when the client is gone', async () => {
    const service = newService()
    const session = open(await start(service, {}))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/mail',
      'x-ucan-container': await containerOf('endless'),
    })
    stream.on('error', () => undefined)
    await new Promise((resolve) => stream.once('data', resolve))
    stream.close(8)
    await expect.poll(() => service.seen, { timeout: 5_000 }).toContain('cancelled')
  })

  it.each(['stream', 'connection'])(
    'HTP-26 aborts a call that has no response when the %s of the client ends',
    async (end) => {
      const service = newService()
      const session = open(await start(service, {})).on('error', () => undefined)
      const stream = session.request({
        ':method': 'POST',
        ':path': '/mail',
        'x-ucan-container': await containerOf('waits'),
      })
      stream.on('error', () => undefined).end()
      await expect.poll(() => service.seen, { timeout: 5_000 }).toContain('waits')
      if (end === 'stream') stream.close(8)
      else session.destroy()
      await expect.poll(() => service.seen, { timeout: 5_000 }).toEqual(['waits', 'aborted'])
    },
  )
})

describe('a call that is bound to a request of HTTP/2', () => {
  it.each(Object.keys(bindingServers))(
    'HTP-30 is compared with `:authority`, and a different Host is refused: %s',
    async (name) => {
      const service = newService()
      const origin = 'http://mail.example'
      const bind = bindToRequest({ origins: [origin] })
      const session = open((await bindingServers[name]?.(service, { bind })) ?? '')
      const bound = async (): Promise<string> => {
        const args = await bindRequest({ url: `${origin}/a?b=c` })
        const invocation = await call({
          issuer: bob,
          subject: alice.did,
          proofs: [httpGrant],
          command: '/http/request',
          args: { ...args },
        })
        return encodeContainer([invocation, httpGrant])
      }
      const held = await bound()
      const askWith = async (headers: OutgoingHttpHeaders, container = held) =>
        ask(session, { ':method': 'GET', ':path': '/a?b=c', 'x-ucan-container': container, ...headers })
      const codeOf = ({ status, body }: Answer) => [status, JSON.parse(body).code]
      expect(codeOf(await askWith({ ':authority': 'other.example' }))).toEqual([421, 'request_unbound'])
      expect(codeOf(await askWith({ ':authority': 'mail.example', host: 'other.example' }))).toEqual([
        421,
        'request_unbound',
      ])
      expect(codeOf(await askWith({ ':authority': 'other.example', host: 'mail.example' }))).toEqual([
        421,
        'request_unbound',
      ])
      expect(codeOf(await askWith({ ':authority': 'mail.example', ':path': '/a?b=d' }))).toEqual([
        403,
        'request_mismatch',
      ])
      expect(await askWith({ ':authority': 'mail.example' })).toMatchObject({ status: 200, body: '"GET /a"' })
      expect(await askWith({ ':authority': 'mail.example', host: 'mail.example' }, await bound())).toMatchObject({
        status: 200,
      })
    },
  )
})
