import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { bindToForwarded } from '../../src/http/binding/forwarded-binding.ts'
import { bindRequest, requestArguments } from '../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../src/http/binding/request-binding.ts'
import { proxyTo } from '../../src/http/proxy.ts'
import { on } from '../../src/service/on.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { actor, clock } from '../support/actors.ts'
import { freePort } from '../support/free-port.ts'
import { call, delegateRaw, service as self } from '../support/service.ts'
import { service as caddy } from './caddy.service.ts'
import { configurations } from './forward-auth-configurations.ts'
import { service as nginx } from './nginx.service.ts'
import { launch } from './service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const grant = await delegateRaw(alice, bob, { command: '/http', policy: [['like', '.path', '/reports/*']] })
const command = defineCommand({ command: '/http/request', args: requestArguments() })

interface Arrival {
  readonly line: string
  readonly body: string
  readonly authorization: string | undefined
  readonly host: string | undefined
}

const arrived: Arrival[] = []
const closing: (() => unknown)[] = []
let folder: string
let upstream: Listening

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-http2-'))
  upstream = await listen(
    createHttpServer(async (request, response) => {
      const { authorization, host } = request.headers
      arrived.push({ line: `${request.method} ${request.url}`, body: await text(request), authorization, host })
      response.writeHead(200, { 'content-type': 'text/plain' }).end('the report')
    }),
  )
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

function newService(change: object = {}): Service {
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(command, () => undefined)],
    audit: { sink: memoryAuditSink(), deadlineMs: 20_000 },
    deadlines: { decisionMs: 20_000 },
    ...memoryStores({ clock }),
    clock,
    ...change,
  })
  closing.push(() => service.close())
  return service
}

async function containerFor(request: Parameters<typeof bindRequest>[0]): Promise<string> {
  const args = { ...(await bindRequest(request)) }
  const options = { issuer: bob, subject: alice.did, proofs: [grant], command: command.command, args }
  return encodeContainer([await call(options), grant])
}

/** One request of HTTP/2, with prior knowledge. */
async function ask(
  port: number,
  headers: OutgoingHttpHeaders,
  body = '',
): Promise<{ status: number; body: string; arrived: Arrival[] }> {
  arrived.length = 0
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  const stream = session.request({ ':path': '/reports/may?a=b', ...headers }, { endStream: false })
  let status = 0
  stream.on('response', (given) => {
    status = Number(given[':status'])
  })
  stream.end(body)
  const received = await text(stream).catch(() => '')
  session.destroy()
  return { status, body: received, arrived: [...arrived] }
}

async function isUp(port: number): Promise<boolean> {
  return (await ask(port, { ':method': 'GET', ':path': '/' })).status > 0
}

const programs = { nginx, caddy }
/** The configurations of the guide, with HTTP/2 on the listener for clients. */
const withHttp2: Readonly<Record<keyof typeof programs, (text: string) => string>> = {
  // nginx before 1.25.1 does not know the directive `http2`.
  nginx: (given) => given.replace(/listen ([^;]+);/, 'listen $1 http2;'),
  caddy: (given) => given.replace('admin off', 'admin off\nservers {\nprotocols h1 h2 h2c\n}'),
}

describe.each(Object.keys(programs) as (keyof typeof programs)[])('%s with HTTP/2 to clients', (name) => {
  let port: number
  const urlOf = (path: string): string => `http://127.0.0.1:${port}${path}`
  const authority = (): string => `127.0.0.1:${port}`

  beforeAll(async () => {
    port = await freePort()
    const statuses = name === 'nginx' ? 'auth_request' : 'all'
    const bind = bindToForwarded({ origins: [urlOf('')] })
    const endpoint = await listen(createHttpServer(nodeHandler(newService(), { command, bind, statuses })))
    closing.push(() => endpoint.close())
    const configuration = configurations[name]?.({ folder, port, upstream: upstream.port, endpoint: endpoint.port })
    for (const [file, content] of Object.entries(configuration?.files ?? {}))
      writeFileSync(join(folder, file), withHttp2[name](content))
    const found = programs[name].find() ?? ''
    const isReady = () => isUp(port)
    const running = await launch(found, {
      arguments: configuration?.args ?? [],
      environment: { HOME: folder },
      isReady,
    })
    closing.push(() => running.stop())
  })

  it('HTP-33 forwards the request of a call, once, and no other request', async () => {
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    const headers = { 'x-ucan-container': container, ':authority': authority() }
    for (const change of [
      { ':path': '/reports/june' },
      { ':path': '/reports/x/../may?a=b' },
      { ':path': '/reports/%6day?a=b' },
      { ':method': 'DELETE' },
      { ':authority': 'localhost' },
      { ':authority': 'localhost', host: authority() },
      { ':path': '/reports/june', 'x-forwarded-uri': '/reports/may?a=b' },
    ] as OutgoingHttpHeaders[]) {
      const answer = await ask(port, { ...headers, ...change })
      expect(answer.arrived, JSON.stringify(change)).toEqual([])
      expect(answer.status, JSON.stringify(change)).toBeGreaterThanOrEqual(400)
    }
    expect(await ask(port, headers)).toMatchObject({
      status: 200,
      body: 'the report',
      arrived: [{ line: 'GET /reports/may?a=b', body: '' }],
    })
    expect(await ask(port, headers)).toMatchObject({ status: 401, arrived: [] })
    expect(await ask(port, { ':authority': authority() })).toMatchObject({ status: 401, arrived: [] })
  })

  it('HTP-33 forwards no Host other than the signed one', async () => {
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    const headers = { 'x-ucan-container': container, ':authority': authority(), host: 'localhost' }
    // nginx refuses the request; Caddy ignores the `Host` beside `:authority`.
    const { arrived: seen, status } = await ask(port, headers)
    expect(seen.filter(({ host }) => host !== authority())).toEqual([])
    expect(status).toBe(name === 'nginx' ? 400 : 200)
  })

  it('HTP-34 forwards no body, which a stream of HTTP/2 need not announce', async () => {
    const container = await containerFor({ url: urlOf('/reports/may'), method: 'POST' })
    const headers = {
      ':method': 'POST',
      ':path': '/reports/may',
      'x-ucan-container': container,
      ':authority': authority(),
    }
    for (const more of [{}, { 'content-length': '5' }]) {
      const { arrived: seen } = await ask(port, { ...headers, ...more }, 'hello')
      expect(seen.map(({ body }) => body).join('')).toBe('')
    }
  })
})

describe('nginx with HTTP/2 to clients and to the service', () => {
  it('HTP-40 forwards a call to a reverse proxy of this library, which adds the credential', async () => {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const target = `http://127.0.0.1:${upstream.port}`
    const vault = memoryVault({
      api: { secret: 'canary-http2', origins: [target], methods: ['GET', 'POST'], processor: bearer() },
    })
    const service = newService({
      vault,
      handlers: [on({ ...command, credential: 'api' }, proxyTo({ upstream: target }))],
    })
    const server = createServer(nodeHandler(service, { command, bind: bindToRequest({ origins: [origin] }) }))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => server.close())
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
    const file = join(folder, 'h2.conf')
    // nginx before 1.29.4 speaks HTTP/2 to a service with grpc_pass alone, which sends any request.
    writeFileSync(
      file,
      `daemon off; pid ${folder}/h2.pid; error_log ${folder}/h2.log; events {}
http {
access_log off; ${temporary}
server {
  listen 127.0.0.1:${port} http2;
  location / {
    grpc_pass grpc://127.0.0.1:${(server.address() as AddressInfo).port};
    grpc_set_header Host $http_host;
  }
}
}
`,
    )
    const found = nginx.find() ?? ''
    const isReady = () => isUp(port)
    const running = await launch(found, { arguments: ['-c', file], environment: { HOME: folder }, isReady })
    closing.push(() => running.stop())
    const url = `${origin}/reports/may?a=b`
    const container = await containerFor({ url, method: 'POST', body: 'hello' })
    const headers = { ':method': 'POST', ':authority': `127.0.0.1:${port}`, 'x-ucan-container': container }
    expect(await ask(port, { ...headers, ':path': '/reports/june' }, 'hello')).toMatchObject({
      status: 403,
      arrived: [],
    })
    expect(await ask(port, headers, 'hellO')).toMatchObject({ status: 403, arrived: [] })
    expect(await ask(port, headers, 'hello')).toMatchObject({
      status: 200,
      body: 'the report',
      arrived: [{ line: 'POST /reports/may?a=b', body: 'hello', authorization: 'Bearer canary-http2' }],
    })
    expect(await ask(port, headers, 'hello')).toMatchObject({ status: 401, arrived: [] })
  })
})
