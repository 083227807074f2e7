import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { bindToForwarded } from '../../src/http/binding/forwarded-binding.ts'
import { bindRequest, requestArguments } from '../../src/http/binding/request-arguments.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { exchange } from '../http/adapters/socket.ts'
import { actor, clock } from '../support/actors.ts'
import { freePort } from '../support/free-port.ts'
import { call, delegateRaw, service as self } from '../support/service.ts'
import { service as caddy } from './caddy.service.ts'
import { configurations } from './forward-auth-configurations.ts'
import { service as haproxy } from './haproxy.service.ts'
import { service as nginx } from './nginx.service.ts'
import { launch } from './service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const grant = await delegateRaw(alice, bob, { command: '/http', policy: [['like', '.path', '/reports/*']] })
const command = defineCommand({ command: '/http/request', args: requestArguments() })

/** A request that arrived at the service behind the proxies. */
interface Arrival {
  readonly line: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
  readonly trailers: IncomingMessage['trailers']
}

const arrived: Arrival[] = []
let folder: string
let upstream: Listening

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-forward-auth-'))
  upstream = await listen(
    createServer(async (request, response) => {
      const body = await text(request)
      const { headers, method, trailers, url } = request
      arrived.push({ line: `${method} ${url}`, headers, body, trailers })
      response.writeHead(200, { 'content-type': 'text/plain' }).end('the report')
    }),
  )
})
afterAll(async () => {
  await upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The endpoint that a proxy asks, for the origin of the proxy. */
function startEndpoint(origin: string, isNginx: boolean, bodies: 'none' | 'digest'): Promise<Listening> {
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(command, () => undefined)],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink: memoryAuditSink(), deadlineMs: 20_000 },
    deadlines: { decisionMs: 20_000 },
    clock,
  })
  const bind = bindToForwarded({ origins: [origin], bodies })
  return listen(createServer(nodeHandler(service, { command, bind, statuses: isNginx ? 'auth_request' : 'all' })))
}

async function containerFor(request: Parameters<typeof bindRequest>[0]): Promise<string> {
  const args = await bindRequest(request)
  const invocation = await call({
    issuer: bob,
    subject: alice.did,
    proofs: [grant],
    command: command.command,
    args: { ...args },
  })
  return encodeContainer([invocation, grant])
}

const programs = { nginx, caddy, haproxy }

describe.each(Object.entries(configurations))('%s before a service that cannot be changed', (name, configure) => {
  const bodies = name === 'haproxy' ? 'digest' : 'none'
  let endpoint: Listening
  let proxy: { readonly port: number; stop(): Promise<void> }

  beforeAll(async () => {
    const port = await freePort()
    endpoint = await startEndpoint(`http://127.0.0.1:${port}`, name === 'nginx', bodies)
    const { files, args } = configure({ folder, port, upstream: upstream.port, endpoint: endpoint.port })
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
    const found = programs[name as keyof typeof programs].find()
    if (found === undefined) throw new Error(`${name} is missing`)
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/`)).status > 0
    proxy = { port, ...(await launch(found, { arguments: args, environment: { HOME: folder }, isReady })) }
    arrived.length = 0
  })
  afterAll(async () => {
    await proxy?.stop()
    await endpoint?.close()
  })

  /** Sends a request; returns the status, and what arrived. */
  async function ask(
    container: string | undefined,
    { line = 'GET /reports/may?a=b', host = `127.0.0.1:${proxy.port}`, body = '', more = [] as readonly string[] } = {},
  ): Promise<{ status: number; body: string; arrived: Arrival[] }> {
    arrived.length = 0
    const lines = [
      ...[`${line} HTTP/1.1`, `host: ${host}`, 'connection: close', ...more],
      ...(container === undefined ? [] : [`x-ucan-container: ${container}`]),
      ...(body === '' || more.length > 0 ? [] : [`content-length: ${body.length}`]),
    ]
    const { status, body: answer } = await exchange(proxy.port, `${lines.join('\r\n')}\r\n\r\n${body}`)
    return { status, body: answer, arrived: [...arrived] }
  }
  const urlOf = (path: string): string => `http://127.0.0.1:${proxy.port}${path}`

  it('forwards the request of a call, once, and keeps the container', async () => {
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    const first = await ask(container)
    expect(first).toMatchObject({
      status: 200,
      body: 'the report',
      arrived: [{ line: 'GET /reports/may?a=b', body: '' }],
    })
    expect(JSON.stringify(first.arrived[0]?.headers)).not.toContain(container)
    // In the other header, where an agent puts it by default; another scheme is for the service.
    const other = await containerFor({ url: urlOf('/reports/may?a=b') })
    const second = await ask(undefined, { more: [`authorization: Bearer ${other}`] })
    expect(second).toMatchObject({ status: 200, body: 'the report' })
    expect(JSON.stringify(second.arrived[0]?.headers)).not.toContain(other)
    const basic = { more: ['authorization: Basic YTpi'] }
    const third = await ask(await containerFor({ url: urlOf('/reports/may?a=b') }), basic)
    expect(third.arrived[0]?.headers.authorization).toBe('Basic YTpi')
    expect(await ask(container)).toMatchObject({ status: 401, arrived: [] })
  })

  it('HTP-33 refuses a call that is moved to another path, query, method or host, and the call can still be made', async () => {
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    const moved = [
      { line: 'GET /reports/june?a=b' },
      { line: 'GET /reports/may?a=c' },
      { line: 'GET /reports/may' },
      { line: 'GET /reports/x/../may?a=b' },
      { line: 'GET //reports/may?a=b' },
      { line: 'GET /reports/%6day?a=b' },
      { line: 'DELETE /reports/may?a=b' },
      { line: 'POST /reports/may?a=b' },
      { host: 'localhost' },
      { more: ['x-forwarded-method: GET', 'x-forwarded-uri: /reports/may?a=b'], line: 'DELETE /reports/june' },
      { more: ['x-forwarded-host: 127.0.0.1'], host: 'evil.example' },
      { more: ['x-forwarded-uri: /reports/may?a=b'], line: 'GET /reports/june' },
    ]
    for (const change of moved) {
      const answer = await ask(container, change)
      expect(answer.arrived, JSON.stringify(change)).toEqual([])
      expect(answer.status, JSON.stringify(change)).toBeGreaterThanOrEqual(400)
    }
    expect(await ask(undefined)).toMatchObject({ status: 401, arrived: [] })
    expect(await ask('zzzz')).toMatchObject({ arrived: [] })
    expect(await ask(container)).toMatchObject({ status: 200, arrived: [{ line: 'GET /reports/may?a=b' }] })
  })

  it('HTP-33 forwards no header by which the service could take the request for another one', async () => {
    const names = [
      ...['X-HTTP-Method-Override', 'x-http-method', 'x_method_override', 'X-Original-URL', 'X-Rewrite-Url'],
      ...['X.HTTP.Method.Override', 'HTTP-Method-Override', 'X-Method', 'X-Original-URI', 'X-Forwarded-Prefix'],
      ...['X-Override-URL', 'X-Envoy-Original-Path', 'X-Middleware-Subrequest', 'Destination'],
    ]
    const read = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
    for (const header of names) {
      const container = await containerFor({ url: urlOf('/reports/may?a=b') })
      const { arrived: seen } = await ask(container, { more: [`${header}: DELETE`] })
      const forwarded = seen.flatMap(({ headers }) => Object.keys(headers))
      expect(forwarded.filter((one) => read(one) === read(header))).toEqual([])
    }
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    expect(await ask(container)).toMatchObject({ status: 200 })
  })

  it('HTP-34 forwards no body that the call is not bound to', async () => {
    const line = 'POST /reports/may'
    const container = await containerFor({ url: urlOf('/reports/may'), method: 'POST' })
    const chunked = { line, more: ['transfer-encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' }
    for (const change of [{ line, body: 'hello' }, chunked]) {
      const { arrived: seen, status } = await ask(container, change)
      expect(seen.map(({ body }) => body).join(''), JSON.stringify(change)).toBe('')
      expect(status, JSON.stringify(change)).toBeGreaterThanOrEqual(400)
    }
    expect(await ask(container, { line, more: ['content-length: 0'] })).toMatchObject({ status: 200 })
  })

  it('HTP-34 binds no trailers, which Caddy alone forwards, behind an empty body', async () => {
    const line = 'POST /reports/may'
    const signed = { url: urlOf('/reports/may'), method: 'POST' }
    const more = ['transfer-encoding: chunked', 'te: trailers', 'trailer: x-note']
    const trailers = 'x-note: unsigned\r\nx-http-method-override: DELETE\r\nauthorization: Basic YTpi\r\n'
    const container = await containerFor(signed)
    const { arrived: seen, status } = await ask(container, { line, more, body: `0\r\n${trailers}\r\n` })
    const headers = seen.flatMap((one) => Object.keys(one.headers))
    // The signed request, and beside it the unsigned trailers. None of them is a header.
    const unsigned = { 'x-note': 'unsigned', 'x-http-method-override': 'DELETE', authorization: 'Basic YTpi' }
    expect(seen.map(({ headers: _, ...rest }) => rest)).toEqual(
      name === 'caddy' ? [{ line, body: '', trailers: unsigned }] : [],
    )
    for (const forwarded of Object.keys(unsigned)) expect(headers).not.toContain(forwarded)
    if (name !== 'caddy') expect(status).toBeGreaterThanOrEqual(400)
    const full = { line, more, body: `5\r\nhello\r\n0\r\n${trailers}\r\n` }
    expect(await ask(await containerFor(signed), full)).toMatchObject({ arrived: [] })
  })

  if (bodies === 'digest') {
    it('HTP-34 forwards the body of the call, and no other', async () => {
      const line = 'POST /reports/may'
      const container = await containerFor({ url: urlOf('/reports/may'), method: 'POST', body: 'hello' })
      for (const body of ['hellO', 'hello!', '', 'x'.repeat(100_000)]) {
        expect(await ask(container, { line, body }), body.slice(0, 9)).toMatchObject({ arrived: [] })
      }
      expect(await ask(container, { line, body: 'hello' })).toMatchObject({
        status: 200,
        arrived: [{ line, body: 'hello' }],
      })
    })
  }

  it('forwards nothing when the endpoint is gone', async () => {
    const container = await containerFor({ url: urlOf('/reports/may?a=b') })
    await endpoint.close()
    const answer = await ask(container)
    expect(answer.arrived).toEqual([])
    expect(answer.status).toBeGreaterThanOrEqual(400)
  })
})
