import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, VaultError } from '../../src/errors.ts'
import { expressHandler } from '../../src/http/adapters/express.ts'
import { containerBodies, fastifyHandler } from '../../src/http/adapters/fastify.ts'
import { fetchHandler } from '../../src/http/adapters/fetch.ts'
import { bindToForwarded } from '../../src/http/binding/forwarded-binding.ts'
import { bindRequest, type RequestParts, requestArguments } from '../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../src/http/binding/request-binding.ts'
import { type CommandHandler, on } from '../../src/service/on.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { actor, clock } from '../support/actors.ts'
import { call, delegateRaw, service as self } from '../support/service.ts'
import { frameworks, listen, mounts } from './adapters/servers.ts'
import { exchange } from './adapters/socket.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const grant = await delegateRaw(alice, bob, { command: '/http', policy: [['like', '.path', '/repos/acme/*']] })
const command = defineCommand({ command: '/http/request', args: requestArguments() })
const origin = 'https://api.example.com'
const bind = bindToRequest({ origins: [origin, 'http://localhost:8080'] })

function makeService(handler: CommandHandler<RequestParts, unknown> = ({ args }) => args): Service {
  return createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on(command as never, handler)],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    audit: { sink: memoryAuditSink() },
    clock,
  })
}

async function containerFor(args: object): Promise<string> {
  const invocation = await call({
    issuer: bob,
    subject: alice.did,
    proofs: [grant],
    command: command.command,
    args: args as never,
  })
  return encodeContainer([invocation, grant])
}

/** A request on a socket. */
const bytesOf = (
  container: string,
  line = 'POST /repos/acme/site?a=b',
  host = 'api.example.com',
  body = '{"x":1}',
): string =>
  [
    `${line} HTTP/1.1`,
    ...(host === '' ? [] : [`host: ${host}`]),
    `x-ucan-container: ${container}`,
    'connection: close',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n')

const short = ({ status, body }: { status: number; body: string }): string =>
  `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ''}`.trim()

describe('HTP-32 a body that a parser of Express has read', () => {
  const raw = express.raw({ type: () => true })
  const asText = express.text({ type: () => true })
  it.each([
    ['bytes', raw, {}, Buffer.from('{"x":1}'), 200],
    ['bytes with a content encoding', raw, { 'content-encoding': 'gzip' }, gzipSync('{"x":1}'), 400],
    ['text with a byte order mark', asText, {}, Buffer.from('\ufeff{"x":1}'), 400],
    ['text', asText, { 'content-type': 'text/plain' }, Buffer.from('{"x":1}'), 400],
  ])('is taken only as the bytes that were sent: %s', async (_, parser, headers, body, status) => {
    const app = express().use(parser)
    app.use(expressHandler(makeService(), { bind }))
    const server = await listen(createServer(app))
    try {
      const url = `${origin}/repos/acme/site`
      const container = await containerFor(await bindRequest({ url, method: 'POST', body: '{"x":1}' }))
      const lines = [
        ...['POST /repos/acme/site HTTP/1.1', 'host: api.example.com', 'connection: close'],
        ...[`x-ucan-container: ${container}`, `content-length: ${body.length}`],
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ]
      const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
      expect((await exchange(server.port, bytes)).status).toBe(status)
    } finally {
      await server.close()
    }
  })
})

describe('HTP-25 without a binding, a body that a parser of Express has read', () => {
  const raw = express.raw({ type: () => true })
  const asText = express.text({ type: () => true })
  it.each([
    ['bytes', raw, {}, Buffer.from('ab'), 200],
    ['bytes with a content encoding', raw, { 'content-encoding': 'gzip' }, gzipSync('ab'), 500],
    ['text', asText, { 'content-type': 'text/plain; charset=UTF-8' }, Buffer.from('ab'), 200],
    ['text in another charset', asText, { 'content-type': 'text/plain; charset=iso-8859-1' }, Buffer.from('ab'), 500],
    ['text with a content encoding', asText, { 'content-encoding': 'gzip' }, gzipSync('ab'), 500],
  ])('is read by the handler only as its headers describe it: %s', async (_, parser, headers, body, status) => {
    const service = makeService(async (_call, { request }) => request?.text())
    const app = express().use(parser)
    app.use(expressHandler(service, { onError: () => undefined }))
    const server = await listen(createServer(app))
    try {
      const container = await containerFor(await bindRequest({ url: `${origin}/repos/acme/site` }))
      const lines = [
        ...['POST / HTTP/1.1', 'host: api.example.com', 'connection: close'],
        ...[`x-ucan-container: ${container}`, `content-length: ${body.length}`],
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ]
      const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
      const answer = await exchange(server.port, bytes)
      expect([answer.status, answer.body.includes('ab')]).toEqual([status, status === 200])
    } finally {
      await server.close()
    }
  })
})

describe('HTP-30 a call that is bound to its request', () => {
  // The platform has rewritten the path before `fetchHandler` is called; the path that it passes on is compared.
  const rewritten = ['/x/../repos/acme/site', '/x/%2e%2e/repos/acme/site', '/./repos/acme/site', '/repos/acme/site#c']
  const forms: readonly (readonly [target: string, host: string, status: number])[] = [
    ['/repos/acme/site', 'api.example.com', 200],
    ['/dev/repos/acme/site', 'api.example.com', 403],
    ['/dev/repos/acme/site', '127.1', 421],
    ['/dev/repos/acme/site', '0127.0.0.1', 421],
    ['/repos/acme/site', 'api.example.com:443', 421],
    ['/repos/acme/site', 'api.example.com\r\nhost: api.example.com', 421],
    ['http://api.example.com/repos/acme/site', 'api.example.com', 400],
    ...rewritten.map((target) => [target, 'api.example.com', 403] as const),
  ]
  for (const [name, start] of Object.entries(mounts)) {
    const listed = forms.filter(([target]) => name !== 'fetch' || /^\/(?:dev|repos)/.test(target))
    const prefix = name === 'express' ? '/api' : ''
    // A router of Express would not find the handler at another path.
    it.each(listed.filter(([target]) => prefix === '' || /^\/(?:dev|repos)/.test(target)))(
      `matches one form of the target and the host: ${name}: %s %s %i`,
      async (target, host, status) => {
        const policyFree = await delegateRaw(alice, bob, { command: '/http' })
        const server = await start(makeService(), { bind: bindToRequest({ origins: [origin] }) })
        try {
          const args = await bindRequest({ url: `${origin}${prefix}/repos/acme/site` })
          const invocation = await call({
            ...{ issuer: bob, subject: alice.did, proofs: [policyFree], command: command.command },
            args: { ...args } as never,
          })
          const container = encodeContainer([invocation, policyFree])
          const bytes = bytesOf(container, `GET ${target.startsWith('/') ? prefix : ''}${target}`, host, '')
          const expected = name === 'fetch' && target.includes('#') ? 200 : status
          expect((await exchange(server.port, bytes.replace('content-length: 0\r\n', ''))).status).toBe(expected)
        } finally {
          await server.close()
        }
      },
    )
  }

  for (const [name, start] of Object.entries(frameworks)) {
    it(`is refused with another method, host, path, query or body, and is not used up: ${name}`, async () => {
      const bodies: unknown[] = []
      const service = makeService(async ({ args }, { request }) => {
        bodies.push(await request?.text())
        return args
      })
      const route = { service, options: { command, bind } }
      const paths = ['/repos/acme/site', '/repos/acme/other', '/repos/acme/a%20b']
      const server = await start(new Map(paths.map((path) => [path, route])))
      try {
        const args = await bindRequest({ url: `${origin}/repos/acme/site?a=b`, method: 'POST', body: '{"x":1}' })
        const container = await containerFor(args)
        const ask = async (...given: [line?: string, host?: string, body?: string]): Promise<string> =>
          short(await exchange(server.port, bytesOf(container, ...given)))
        expect(await ask('PUT /repos/acme/site?a=b')).toBe('403 request_mismatch')
        expect(await ask('POST /repos/acme/other?a=b')).toBe('403 request_mismatch')
        expect(await ask('POST /repos/acme/site?a=c')).toBe('403 request_mismatch')
        expect(await ask('POST /repos/acme/site')).toBe('403 request_mismatch')
        expect(await ask('POST /repos/acme/site?a=b&')).toBe('403 request_mismatch')
        expect(await ask(undefined, 'localhost:8080')).toBe('403 request_mismatch')
        expect(await ask(undefined, 'evil.example')).toBe('421 request_unbound')
        expect(await ask(undefined, undefined, '{"x":2}')).toBe('403 request_mismatch')
        expect(await ask(undefined, undefined, '')).toBe('403 request_mismatch')
        expect(bodies).toEqual([])
        expect(await ask(undefined, 'API.Example.com')).toBe('200')
        expect(bodies).toEqual(['{"x":1}'])
        expect(await ask()).toBe('401 replayed')
        // A body cannot be added.
        const bare = await containerFor(await bindRequest({ url: `${origin}/repos/acme/site`, method: 'POST' }))
        const added = await exchange(server.port, bytesOf(bare, 'POST /repos/acme/site', undefined, 'x'))
        expect(short(added)).toBe('403 request_mismatch')
        expect(short(await exchange(server.port, bytesOf(bare, 'POST /repos/acme/site', undefined, '')))).toBe('200')
        const long = await exchange(
          server.port,
          bytesOf(bare, 'POST /repos/acme/site', undefined, 'x'.repeat(1_048_577)),
        )
        expect(short(long)).toBe('413 request_unbound')
      } finally {
        await server.close()
      }
    })
  }

  it('is bound to the path that the client sent, also in a router of Express that is mounted at a path', async () => {
    const app = express()
    app.use('/v2', expressHandler(makeService(), { command, bind }))
    const server = await listen(createServer(app))
    try {
      const moved = await containerFor(await bindRequest({ url: `${origin}/repos/acme/site`, method: 'POST' }))
      const line = 'POST /v2/repos/acme/site'
      expect(short(await exchange(server.port, bytesOf(moved, line, undefined, '')))).toBe('403 request_mismatch')
      app.use(
        '/repos',
        expressHandler(
          makeService((_, { request }) => request?.url),
          { command, bind },
        ),
      )
      const answer = await exchange(server.port, bytesOf(moved, 'POST /repos/acme/site', undefined, ''))
      expect(JSON.parse(answer.body)).toBe('http://api.example.com/repos/acme/site')
    } finally {
      await server.close()
    }
  })

  it('is bound to the path that the client sent, with `rewriteUrl` of Fastify', async () => {
    const app = Fastify({ rewriteUrl: ({ url = '/' }) => url.replace(/^\/v2/, '') })
    app.register(containerBodies)
    app.post('/repos/acme/site', fastifyHandler(makeService(), { command, bind }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    try {
      const { port } = app.server.address() as AddressInfo
      const moved = await containerFor(await bindRequest({ url: `${origin}/repos/acme/site`, method: 'POST' }))
      expect(short(await exchange(port, bytesOf(moved, 'POST /v2/repos/acme/site', undefined, '')))).toBe(
        '403 request_mismatch',
      )
      expect((await exchange(port, bytesOf(moved, 'POST /repos/acme/site', undefined, ''))).status).toBe(200)
    } finally {
      await app.close()
    }
  })

  it('is bound to the path that the client sent below `mount` of Hono, with `mountedAt`', async () => {
    const mounted = bindToRequest({ origins: [origin], mountedAt: '/repos' })
    const app = new Hono()
    app.mount('/repos', fetchHandler(makeService(), { command, bind: mounted }))
    app.mount('/v2', fetchHandler(makeService(), { command, bind }))
    const post = async (container: string, path: string): Promise<number> =>
      (await app.request(`${origin}${path}`, { method: 'POST', headers: { 'x-ucan-container': container } })).status
    const url = `${origin}/repos/acme/site`
    const container = async () => containerFor(await bindRequest({ url, method: 'POST' }))
    expect(await post(await container(), '/repos/acme/site')).toBe(200)
    expect(await post(await container(), '/repos/acme/other')).toBe(403)
    // Without `mountedAt`, the shorter path counts.
    expect(await post(await container(), '/v2/repos/acme/site')).toBe(200)
    for (const mountedAt of ['api', '/api/', '/a/../b', '//a', '/a?b', '/a#b', '/ä', '/', 7])
      expect(() => bindToRequest({ origins: [origin], mountedAt: mountedAt as never })).toThrow(ArgumentError)
  })

  it('has the body of which the digest was compared, though a middleware uses the memory of the body meanwhile', async () => {
    const service = makeService(async (_, { request }) => request?.text())
    let body: Buffer | undefined
    const app = express()
    app.use(express.raw({ type: () => true }), (request, _, next) => {
      body = request.body
      next()
    })
    const reusing: Service = {
      ...service,
      call: (container, options) => {
        body?.fill(0x5a)
        return service.call(container, options)
      },
    }
    app.post('/repos/acme/site', expressHandler(reusing, { command, bind }))
    const server = await listen(createServer(app))
    try {
      const url = `${origin}/repos/acme/site`
      const container = await containerFor(await bindRequest({ url, method: 'POST', body: '{}' }))
      const answer = await exchange(server.port, bytesOf(container, 'POST /repos/acme/site', undefined, '{}'))
      expect([answer.status, JSON.parse(answer.body)]).toEqual([200, '{}'])
    } finally {
      await server.close()
    }
  })

  it('is refused if the framework has parsed the body, or it cannot be told which host it is for', async () => {
    const server = await (frameworks['express'] as (typeof frameworks)[string])(
      new Map([['/repos/acme/site', { service: makeService(), options: { bind } }]]),
    )
    try {
      const container = await containerFor(
        await bindRequest({ url: `${origin}/repos/acme/site`, method: 'POST', body: '{}' }),
      )
      const lines = (more: string, body = '{}'): string =>
        `POST /repos/acme/site HTTP/1.1\r\nx-ucan-container: ${container}\r\nconnection: close\r\n${more}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      const parsed = await exchange(server.port, lines('host: api.example.com\r\ncontent-type: application/json'))
      expect(short(parsed)).toBe('400 request_unbound')
      const upgraded = await exchange(server.port, lines('host: api.example.com\r\nupgrade: h2c'))
      expect(short(upgraded)).toBe('400 request_unbound')
      const twice = await exchange(server.port, lines('host: api.example.com\r\nhost: api.example.com'))
      expect(twice.status).toBeGreaterThanOrEqual(400)
    } finally {
      await server.close()
    }
  })
})

describe('HTP-31 the arguments of a request', () => {
  it('have one form, which policies limit', async () => {
    const service = makeService()
    const handle = fetchHandler(service, { bind })
    const ask = async (path: string, args: object): Promise<string> => {
      const headers = { 'x-ucan-container': await containerFor(args) }
      const response = await handle(new Request(`${origin}${path}`, { headers }))
      return short({ status: response.status, body: await response.text() })
    }
    const base = { method: 'GET', scheme: 'https', host: 'api.example.com' }
    expect(await ask('/repos/acme/a%20b', { ...base, path: '/repos/acme/a%20b' })).toBe('200')
    expect(await ask('/repos/other', { ...base, path: '/repos/other' })).toBe('403 policy_unsatisfied')
    const forms = [
      '/repos/acme/../x',
      '/repos/acme//x',
      '/repos/acme/%2e%2e/x',
      '/repos/acme/%61',
      '/repos/acme/%2f',
      'x',
      '/a?b',
      '/a#b',
    ]
    for (const path of forms) expect(await ask('/repos/acme/x', { ...base, path }), path).toBe('400 arguments_invalid')
    const wrong = [
      { method: 'get' },
      { scheme: 'ftp' },
      { host: 'API.example.com' },
      { host: 'api.example.com/x' },
      { host: 'api.example.com:443' },
      { query: '' },
      { query: 'a#b' },
      { digest: 'sha-256=:x:' },
    ]
    for (const change of wrong)
      expect(await ask('/repos/acme/x', { ...base, path: '/repos/acme/x', ...change }), JSON.stringify(change)).toBe(
        '400 arguments_invalid',
      )
  })

  it('HTP-32 are made of a URL in canonical form, with the digest of RFC 9530', async () => {
    expect(
      await bindRequest({ url: 'https://a.example:8443/x?', method: 'PUT', body: 'hello' }).catch((error) => error),
    ).toBeInstanceOf(ArgumentError)
    expect(
      await bindRequest({ url: 'https://a.example:8443/x?y', method: 'PUT', body: '{"hello": "world"}\n' }),
    ).toEqual({
      ...{ method: 'PUT', scheme: 'https', host: 'a.example:8443', path: '/x', query: 'y' },
      // The example of RFC 9530, appendix B.1.
      digest: 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:',
    })
    expect(await bindRequest({ url: 'http://a.example/', body: '' })).toEqual({
      method: 'GET',
      scheme: 'http',
      host: 'a.example',
      path: '/',
    })
    for (const url of [
      'https://a.example/../x/./..',
      'https://u:p@a.example/',
      'https://a.example/#x',
      'ftp://a.example/',
      'x',
      7,
    ])
      await expect(bindRequest({ url: url as string }), String(url)).rejects.toThrow(ArgumentError)
    await expect(bindRequest({ url: origin, method: 'post' })).rejects.toThrow(/`method`|`url`/)
    for (const origins of [
      [],
      ['https://a.example/x'],
      ['https://a.example/'],
      ['a.example'],
      ['https://a.example', 'http://a.example'],
    ])
      expect(() => bindToRequest({ origins }), String(origins)).toThrow(ArgumentError)
  })
})

describe('HTP-32 a request that is read', () => {
  it.each([
    ['with a URL as its target', 'https://api.example.com/repos', new Uint8Array(), 400],
    ['with a body that breaks off', '/repos', 'broken off' as const, 400],
    ['with a body that is too long', '/repos', 'too long' as const, 413],
    ['whose body was read before', '/repos', undefined, 400],
  ])('is refused %s', async (_, target, body, status) => {
    const read = { header: () => [], names: () => [], body: async () => body }
    const request = { method: 'POST', target, host: 'api.example.com', ...read }
    expect(await bindToRequest({ origins: [origin] }).read(request)).toMatchObject({ bound: false, status })
  })
})

describe('HTP-33 a request that a proxy asks about', () => {
  const described = {
    'x-forwarded-method': 'GET',
    'x-forwarded-host': 'api.example.com',
    'x-forwarded-uri': '/repos/acme/site?a=b',
  }
  const args = { method: 'GET', scheme: 'https', host: 'api.example.com', path: '/repos/acme/site', query: 'a=b' }

  async function ask(
    headers: Record<string, string | undefined>,
    options: object = {},
    given: object = args,
  ): Promise<string> {
    const bound = bindToForwarded({ origins: [origin], ...options })
    const handle = fetchHandler(
      makeService(() => undefined),
      { command, bind: bound },
    )
    const sent = new Headers({ 'x-ucan-container': await containerFor(given) })
    for (const [name, value] of Object.entries({ ...described, ...headers }))
      if (value !== undefined) sent.append(name, value)
    const response = await handle(new Request('http://127.0.0.1:9000/auth', { headers: sent }))
    return short({ status: response.status, body: await response.text() })
  }

  it('is the one that its headers describe, and no other', async () => {
    expect(await ask({})).toBe('204')
    expect(await ask({ 'x-forwarded-method': 'DELETE' })).toBe('403 request_mismatch')
    expect(await ask({ 'x-forwarded-uri': '/repos/acme/other' })).toBe('403 request_mismatch')
    expect(await ask({ 'x-forwarded-uri': '/repos/acme/site' })).toBe('403 request_mismatch')
    expect(await ask({ 'x-forwarded-host': 'evil.example' })).toBe('421 request_unbound')
    for (const name of Object.keys(described)) {
      expect(await ask({ [name]: undefined }), name).toBe('400 request_unbound')
      expect((await ask({ [name]: `${described[name as keyof typeof described]}, x` })).slice(0, 3), name).toMatch(
        /400|403/,
      )
    }
    expect(await ask({ upgrade: 'websocket' })).toBe('400 request_unbound')
  })

  it('is refused with a header twice, with one that names another request, and with a URL as its target', async () => {
    const statusOf = async (headers: Readonly<Record<string, string | readonly string[]>>): Promise<number> => {
      const header = (name: string): readonly string[] => [{ ...described, ...headers }[name] ?? []].flat()
      const names = (): readonly string[] => Object.keys({ ...described, ...headers })
      const reading = await bindToForwarded({ origins: [origin] }).read({ header, names } as never)
      return reading.bound ? 200 : reading.status
    }
    expect(await statusOf({})).toBe(200)
    for (const [name, value] of Object.entries(described)) expect(await statusOf({ [name]: [value, value] })).toBe(400)
    for (const name of [
      'x-http-method',
      'x-method_override',
      'x_http-method-override',
      'x-original-url',
      'x_rewrite_url',
      'x.http.method.override',
      'x-forwarded-prefix',
      'x-middleware-subrequest',
      'destination',
    ])
      expect(await statusOf({ [name]: 'DELETE' }), name).toBe(400)
    for (const target of ['https://api.example.com/repos', 'repos', '*', ''])
      expect(await statusOf({ 'x-forwarded-uri': target }), target).toBe(400)
    // A proxy may copy a header that the request does not have as an empty one.
    expect(await statusOf({ 'x-forwarded-transfer-encoding': '', 'x-forwarded-content-length': '' })).toBe(200)
    for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'cf-connecting-ip', 'forwarded', 'via'])
      expect(await statusOf({ [name]: 'x' }), name).toBe(200)
  })

  it('HTP-34 has no body, or one whose digest the proxy sends', async () => {
    expect(await ask({ 'x-forwarded-content-length': '3' })).toBe('400 request_unbound')
    expect(await ask({ 'x-forwarded-transfer-encoding': 'chunked' })).toBe('400 request_unbound')
    expect(await ask({ 'x-forwarded-content-length': '0' })).toBe('204')
    const { digest } = await bindRequest({ url: `${origin}/`, body: 'hello' })
    const digests = { bodies: 'digest' }
    expect(await ask({ 'x-forwarded-digest': digest }, digests, { ...args, digest })).toBe('204')
    expect(await ask({ 'x-forwarded-digest': 'none' }, digests)).toBe('204')
    expect(await ask({}, digests)).toBe('400 request_unbound')
    expect(await ask({ 'x-forwarded-digest': digest }, digests)).toBe('403 request_mismatch')
    expect(await ask({ 'x-forwarded-digest': 'none' }, digests, { ...args, digest })).toBe('403 request_mismatch')
  })

  it('HTP-35 has an answer that nginx understands, if that is asked for', async () => {
    const bound = bindToForwarded({ origins: [origin] })
    const handle = fetchHandler(
      makeService(() => undefined),
      { bind: bound, statuses: 'auth_request' },
    )
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await handle(new Request('http://127.0.0.1:9000/auth', { headers }))).status
    expect(await statusOf({})).toBe(401)
    expect(await statusOf({ 'x-ucan-container': 'zzzz', ...described })).toBe(403)
    expect(await statusOf({ 'x-ucan-container': await containerFor(args) })).toBe(403)
    expect(await statusOf({ 'x-ucan-container': await containerFor(args), ...described })).toBe(204)
    for (const [given, expected] of [
      [200, 200],
      [206, 206],
      [302, 403],
      [304, 403],
      [401, 401],
      [404, 403],
      [500, 403],
    ] as const) {
      const service = makeService(() => new Response(null, { status: given }))
      const answered = await fetchHandler(service, { bind: bound, statuses: 'auth_request' })(
        new Request('http://127.0.0.1:9000/auth', {
          headers: { 'x-ucan-container': await containerFor(args), ...described },
        }),
      )
      expect.soft(answered.status, String(given)).toBe(expected)
    }
  })
})

describe('HTP-27 the error of a handler', () => {
  it('has the status 502 or 503 if it comes from an upstream or a vault', async () => {
    for (const [code, status] of [
      ['ERR_VAULT_UPSTREAM', 502],
      ['ERR_VAULT_UNAVAILABLE', 503],
      ['ERR_VAULT_ORIGIN_REFUSED', 500],
    ] as const) {
      const service = makeService(() => Promise.reject(new VaultError(code, 'canary')))
      const args = await bindRequest({ url: `${origin}/repos/acme/site` })
      const headers = { 'x-ucan-container': await containerFor(args) }
      const response = await fetchHandler(service)(new Request(origin, { headers }))
      expect(response.status).toBe(status)
      expect(await response.text()).not.toContain('canary')
    }
  })
})
