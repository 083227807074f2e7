// node only: starts servers and processes
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from 'node:http2'
import { createServer as createHttpsServer, request as requestTls } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { expressHandler } from '../../src/http/adapters/express.ts'
import { fastifyHandler } from '../../src/http/adapters/fastify.ts'
import { honoHandler } from '../../src/http/adapters/hono.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { type CloseAtSignalOptions, closeAtSignal } from '../../src/service/close-at-signal.ts'
import { on } from '../../src/service/on.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { actor } from '../support/actors.ts'

const [owner, agent, self] = [await actor('owner'), await actor('agent'), await actor('self')]
const wait = defineCommand({ command: '/wait', args: {} })
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/' })

async function container(): Promise<string> {
  const call = await invoke({
    issuer: agent,
    audience: self.did,
    subject: owner.did,
    command: wait,
    args: {},
    proofs: [grant],
  })
  return encodeContainer([call, grant])
}

function newService() {
  const sink = memoryAuditSink()
  const started = settleable<AbortSignal>()
  const end = settleable<void>()
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [
      on(wait, async ({ signal }) => {
        started.resolve(signal)
        await end.promise
        return 'waited'
      }),
    ],
    audit: { sink },
    ...memoryStores(),
  })
  const kinds = (): string =>
    sink
      .records()
      .map(({ event }) => event.kind)
      .join()
  return { service, kinds, started: started.promise, end: end.resolve }
}

interface Started {
  readonly server: NonNullable<CloseAtSignalOptions['server']>
  readonly port: number
}

/** A server of each framework, with what its users have in a variable. */
const servers: Readonly<Record<string, (service: Service) => Promise<Started>>> = {
  express: async (service) => {
    const server = express().use(expressHandler(service)).listen(0, '127.0.0.1')
    return listening(server)
  },
  async fastify(service) {
    const server = Fastify()
    server.all('/*', fastifyHandler(service))
    await server.listen({ port: 0, host: '127.0.0.1' })
    return { server, port: (server.server.address() as AddressInfo).port }
  },
  hono: (service) => {
    const { fetch } = new Hono().all('*', honoHandler(service))
    return listening((createAdaptorServer({ fetch }) as Server).listen(0, '127.0.0.1'))
  },
  node: (service) => listening(createServer(nodeHandler(service)).listen(0, '127.0.0.1')),
}

/** Waits for the end of a session or stream, also with an error. */
function goneOf(one: ClientHttp2Session | ClientHttp2Stream): Promise<void> {
  one.on('error', () => undefined)
  return new Promise((resolve) => {
    one.on('close', resolve)
  })
}

/** A server of HTTP/2 with the handler of Node, or of Fastify. */
async function startHttp2(kind: string, service: Service, tls?: SecureServerOptions): Promise<Started> {
  if (kind.endsWith('fastify')) {
    const options = { http2: true, ...(kind !== 'fastify' && { https: tls }) }
    const server = Fastify(options as { readonly http2: true; readonly https: SecureServerOptions })
    server.all('/*', fastifyHandler(service))
    await server.listen({ port: 0, host: '127.0.0.1' })
    return { server, port: (server.server.address() as AddressInfo).port }
  }
  const handler = nodeHandler(service) as unknown as (
    request: Http2ServerRequest,
    response: Http2ServerResponse,
  ) => void
  const server = kind === 'plain' ? createHttp2Server(handler) : createSecureServer(tls ?? {}, handler)
  return listening(server.listen(0, '127.0.0.1') as unknown as Server)
}

async function listening(server: Server): Promise<Started> {
  if (!server.listening) await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

describe('a service that closes with its server', () => {
  for (const [name, start] of Object.entries(servers)) {
    it(`SVC-22 answers and records the call in progress, takes no further connection, and then closes, with ${name}`, async () => {
      const { service, kinds, started, end } = newService()
      const { server, port } = await start(service)
      const { close } = closeAtSignal(service, { server, closeMs: 600_000 })
      const keepAlive = new Agent({ keepAlive: true })
      const answer = post(port, keepAlive)
      await started
      const closed = close()
      expect(close()).toBe(closed)
      await refusing(port)
      expect(service.health().status).toBe('open')
      end()
      expect(await answer).toEqual({ status: 200, body: '"waited"' })
      // The client keeps the connection that it has used. It does not keep the server.
      await closed
      expect([kinds(), service.health().status]).toEqual(['intent,outcome', 'closed'])
      keepAlive.destroy()
    })

    it(`SVC-22 aborts the call that takes longer than \`closeMs\`, and records it, with ${name}`, async () => {
      const { service, kinds, started, end } = newService()
      const { server, port } = await start(service)
      const { close } = closeAtSignal(service, { server, closeMs: 50 })
      const lost = expect(post(port)).rejects.toThrow()
      const signal = await started
      const closed = close()
      await lost
      if (!signal.aborted) await once(signal, 'abort')
      end()
      await closed
      expect([kinds(), service.health().status]).toEqual(['intent,outcome', 'closed'])
    })
  }

  it('SVC-28 closes the idle sessions of HTTP/2 clients, and ends connections of another protocol', async () => {
    const { service } = newService()
    const http2 = createHttp2Server().listen(0, '127.0.0.1')
    await once(http2, 'listening')
    const ending = closeAtSignal(service, { server: http2, closeMs: 600_000 })
    const client = connectHttp2(`http://127.0.0.1:${(http2.address() as AddressInfo).port}`)
    const arrived = once(http2, 'session')
    await once(client, 'connect')
    await arrived
    const gone = once(client, 'close')
    await ending.close()
    await gone
    const other = newService().service
    const upgrading = createServer().listen(0, '127.0.0.1')
    upgrading.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    const { port } = await listening(upgrading)
    const upgraded = closeAtSignal(other, { server: upgrading, closeMs: 50 })
    const socket = await connected(port)
    socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
    await once(socket, 'data')
    const cut = once(socket, 'close')
    await upgraded.close()
    await cut
    expect(other.health().status).toBe('closed')
  })

  for (const kind of ['plain', 'secure', 'fastify', 'secure fastify'])
    it(`SVC-28 ends the sessions of HTTP/2 after \`closeMs\`: ${kind}`, async () => {
      const { service, kinds, started, end } = newService()
      const tls = { key: pem('key'), cert: pem('certificate'), allowHTTP1: true }
      const { server, port } = await startHttp2(kind, service, tls)
      const origin = `${kind.startsWith('secure') ? 'https' : 'http'}://127.0.0.1:${port}`
      const { close } = closeAtSignal(service, { server, closeMs: 300 })
      const clients = [1, 2].map(() => connectHttp2(origin, { rejectUnauthorized: false }))
      const gone = clients.map(goneOf)
      await Promise.all(clients.map((client) => once(client, 'remoteSettings')))
      const stream = clients[0]?.request({
        ':method': 'POST',
        'x-ucan-container': await container(),
      }) as ClientHttp2Stream
      const ended = goneOf(stream.end())
      const signal = await started
      const closed = close()
      await ended
      await Promise.all(gone)
      if (!signal.aborted) await once(signal, 'abort')
      end()
      await closed
      expect([kinds(), service.health().status]).toEqual(['intent,outcome', 'closed'])
    })

  it('SVC-28 executes no request of HTTP/2 that was on its way to a session without one, and its client learns so', async () => {
    const { service, kinds } = newService()
    const { server, port } = await startHttp2('plain', service)
    const { close } = closeAtSignal(service, { server, closeMs: 600_000 })
    const client = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined)
    await once(client, 'remoteSettings')
    const away = once(client, 'goaway')
    const headers = { ':method': 'POST', 'x-ucan-container': await container() }
    const stream = client.request(headers)
    const refused = goneOf(stream.end())
    const closed = close()
    const [code, lastStream] = await away
    await refused
    await closed
    // REFUSED_STREAM (RFC 9113, 8.7).
    expect([code, lastStream, stream.rstCode, kinds()]).toEqual([0, 0, 7, ''])
  })

  it('SVC-22 aborts a call whose connection was open before the server was passed', async () => {
    const { service, kinds, started, end } = newService()
    const { server, port } = await listening(createServer(nodeHandler(service)).listen(0, '127.0.0.1'))
    const lost = expect(post(port)).rejects.toThrow()
    const signal = await started
    const closed = closeAtSignal(service, { server, closeMs: 50 }).close()
    await lost
    if (!signal.aborted) await once(signal, 'abort')
    end()
    await closed
    expect(kinds()).toBe('intent,outcome')
  })

  for (const version of ['1', '2'] as const)
    it(`SVC-22 answers the call in progress over TLS, and keeps no connection, over HTTP/${version}`, async () => {
      const { service, kinds, started, end } = newService()
      const tls = { key: pem('key'), cert: pem('certificate') }
      const create = version === '1' ? createHttpsServer : createSecureServer
      const { server, port } = await listening(
        (create as typeof createHttpsServer)(tls, nodeHandler(service)).listen(0, '127.0.0.1'),
      )
      const { close } = closeAtSignal(service, { server, closeMs: 600_000 })
      const answer = version === '1' ? postOverTls(port) : postOverHttp2(port)
      await started
      const closed = close()
      end()
      expect(await answer).toBe(200)
      await closed
      expect(kinds()).toBe('intent,outcome')
    })

  it.each(['http', 'https'])('SVC-22 answers for no program that handles the streams of HTTP/2: %s', async (scheme) => {
    const { service } = newService()
    const tls = { key: pem('key'), cert: pem('certificate') }
    const server = (scheme === 'http' ? createHttp2Server() : createSecureServer(tls)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    server.on('stream', async (stream) => {
      await new Promise(setImmediate)
      if (!stream.headersSent) stream.respond({ ':status': 200 })
      stream.end()
    })
    const { close } = closeAtSignal(service, { server })
    const origin = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = connectHttp2(origin, { rejectUnauthorized: false })
    const [head] = await once(client.request({ ':method': 'CONNECT', ':authority': 'a.example:1' }), 'response')
    expect(head[':status']).toBe(200)
    client.close()
    await close()
  })

  it('SVC-22 answers the call of one service while another one has the same server', async () => {
    const [one, two] = [newService(), newService()]
    const { server, port } = await listening(createServer(nodeHandler(two.service)).listen(0, '127.0.0.1'))
    const endings = [one, two].map(({ service }) => closeAtSignal(service, { server, closeMs: 600_000 }))
    const answer = post(port)
    await two.started
    const closed = endings.map(({ close }) => close())
    await refusing(port)
    two.end()
    expect(await answer).toEqual({ status: 200, body: '"waited"' })
    await Promise.all(closed)
    expect(two.kinds()).toBe('intent,outcome')
  })

  it('asks for the server of a framework, where it gets the application', async () => {
    const { service } = newService()
    const app = (): void => undefined
    for (const wrong of [app, {}, 8080, null])
      expect(() => closeAtSignal(service, { server: wrong as never })).toThrow(
        'closeAtSignal: `server` must be the server that `app.listen` of Express or `serve` of Hono returns, or the instance of Fastify',
      )
    await service.close()
  })

  it('closes a service whose server failed to close, and rejects with the error of the server', async () => {
    const { service } = newService()
    const app = Fastify()
    app.addHook('onClose', async () => {
      throw new Error('no disk')
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    await expect(closeAtSignal(service, { server: app }).close()).rejects.toThrow('no disk')
    expect(service.health().status).toBe('closed')
    const other = newService().service
    const broken = {
      close() {
        throw new Error('not a server')
      },
    }
    await expect(closeAtSignal(other, { server: broken }).close()).rejects.toThrow('not a server')
    expect(other.health().status).toBe('closed')
  })

  it('closes a service whose server does not listen, and rejects with the error of the service', async () => {
    const { service } = newService()
    await closeAtSignal(service, { server: createServer() })[Symbol.asyncDispose]()
    expect(service.health().status).toBe('closed')
    const failing = closeAtSignal({ close: () => Promise.reject(new Error('no disk')) })
    await expect(failing.close()).rejects.toThrow('no disk')
  })

  it('handles the signals that it is given, until it closes, and refuses others', async () => {
    const count = (): readonly number[] =>
      ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal))
    const [before, ends] = [count(), process.stdin.listenerCount('end')]
    const { service } = newService()
    const { close } = closeAtSignal(service, { signals: ['SIGHUP'], stdin: true })
    expect(count()).toEqual([before[0], before[1], (before[2] as number) + 1])
    await close()
    expect([count(), process.stdin.listenerCount('end')]).toEqual([before, ends])
    for (const [options, message] of [
      [{ signals: ['SIGKILL'] }, /`signals` has an invalid item/],
      [{ server: {} }, /`server`/],
      [{ closeMs: 0 }, /`closeMs`/],
      [{ stdin: 'yes' }, /`stdin`/],
      [{ sever: createServer() }, /has no option `sever`; did you mean `server`\?/],
    ] as const)
      expect(() => closeAtSignal(service, options as CloseAtSignalOptions)).toThrow(message)
    expect(() => closeAtSignal({} as Service)).toThrow(/`service`/)
    expect(() => closeAtSignal(Promise.resolve(service) as unknown as Service)).toThrow(
      /`service` is a promise; await it/,
    )
    expect(count()).toEqual(before)
  })
})

describe('the process of such a service', () => {
  it('SVC-29 ends by itself after a signal, when the call in progress is answered and recorded', async () => {
    const { child, port, output } = await startProcess('server')
    const answer = post(port)
    await once(child, 'message')
    child.kill('SIGTERM')
    await refusing(port)
    child.send('done')
    expect(await answer).toEqual({ status: 200, body: '"done"' })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output()).toBe('intent,outcome closed')
  }, 60_000)

  it('SVC-29 ends at a second signal, whatever is in progress', async () => {
    const { child, port } = await startProcess('server')
    const answer = expect(post(port)).rejects.toThrow()
    await once(child, 'message')
    child.kill('SIGINT')
    await refusing(port)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM'])
    await answer
  }, 60_000)

  it('SVC-29 ends with the exit code 1 and the error, where the service could not be closed', async () => {
    const { child, output } = await startProcess('failing')
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([1, null])
    expect(output()).toBe('no disk  closed')
  }, 60_000)

  it('SVC-29 ends with the exit code 1 where the service could not be closed, although standard input stays open', async () => {
    const { child, output } = await startProcess('failing stdin')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([1, null])
    child.stdin?.destroy()
    expect(output()).toContain('no disk')
  }, 60_000)

  it('SVC-29 ends by itself where standard input had ended before', async () => {
    const { child, output } = await startProcess('ended stdin')
    child.stdin?.end()
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output()).toBe(' closed')
  }, 60_000)

  it('SVC-22 records the call in progress where a signal follows the end of standard input, as MCP clients send it', async () => {
    const { child, output } = await startProcess('stdin')
    child.stdin?.write(await container())
    await once(child, 'message')
    child.stdin?.end()
    await once(child, 'message')
    child.kill('SIGTERM')
    child.send('done')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output()).toBe('intent,outcome closed')
  }, 60_000)

  for (const how of ['the end of standard input', 'SIGTERM, although standard input stays open'])
    it(`SVC-29 ends by itself after ${how}, when the call in progress is recorded`, async () => {
      const { child, output } = await startProcess('stdin')
      child.stdin?.write(await container())
      await once(child, 'message')
      if (how === 'the end of standard input') child.stdin?.end()
      else child.kill('SIGTERM')
      child.send('done')
      expect(await once(child, 'close')).toEqual([0, null])
      expect(output()).toBe('intent,outcome closed')
    }, 60_000)
})

async function startProcess(place: string): Promise<{ child: ChildProcess; port: number; output: () => string }> {
  const program = fileURLToPath(new URL('closing-process.ts', import.meta.url))
  const child = fork(program, [self.did, place], {
    execArgv: ['--import', 'tsx'],
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  })
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [port] = await once(child, 'message')
  return { child, port, output: () => Buffer.concat(chunks).toString() }
}

/** A promise with its function, which Node 20 does not have. */
function settleable<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: settle }
}

function pem(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/crypto/tls/${name}.pem`, import.meta.url))
}

async function postOverTls(port: number): Promise<number | undefined> {
  const headers = { 'x-ucan-container': await container() }
  const sent = requestTls({ port, host: '127.0.0.1', method: 'POST', headers, rejectUnauthorized: false }).end()
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

async function postOverHttp2(port: number): Promise<unknown> {
  const client = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  const stream = client.request({ ':method': 'POST', 'x-ucan-container': await container() }).end()
  const [head] = await once(stream, 'response')
  stream.resume()
  client.close()
  return head[':status']
}

/** Waits until a server takes no connection. */
async function refusing(port: number, host?: string): Promise<void> {
  while (
    await connected(port, host).then(
      (socket) => socket.destroy(),
      () => undefined,
    )
  )
    await new Promise(setImmediate)
}

function connected(port: number, host = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket))
    socket.on('error', reject)
  })
}

async function post(
  port: number,
  keepAlive?: Agent,
  host = '127.0.0.1',
): Promise<{ status: number | undefined; body: string }> {
  const headers = { 'x-ucan-container': await container() }
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host, method: 'POST', headers, ...(keepAlive && { agent: keepAlive }) },
      async (response) => {
        const chunks: Buffer[] = []
        for await (const chunk of response) chunks.push(chunk)
        resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() })
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}
