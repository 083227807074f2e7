import { createServer, type IncomingHttpHeaders, request as requestOf } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { bindRequest, requestArguments } from '../../src/http/binding/request-arguments.ts'
import { bindToRequest, type RequestBinding } from '../../src/http/binding/request-binding.ts'
import { proxyTo } from '../../src/http/proxy.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { query } from '../../src/vault/processors/query.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import { type MemoryCredential, memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { actor, clock } from '../support/actors.ts'
import { call, delegateRaw, service as self } from '../support/service.ts'
import { type Listening, listen } from './adapters/servers.ts'
import { exchange } from './adapters/socket.ts'

const secret = 'canary-8d1f60'
const alice = await actor('alice')
const bob = await actor('bob')
const grant = await delegateRaw(alice, bob, { command: '/api', policy: [['like', '.path', '/v1/*']] })
const command = defineCommand({ command: '/api/request', args: requestArguments() })
const origin = 'https://proxy.example'

interface Seen {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const seen: Seen[] = []
let upstream: Listening
let finish: (() => void) | undefined
let base: string

beforeAll(async () => {
  upstream = await listen(
    createServer(async (request, response) => {
      const { headers, method, url } = request
      seen.push({ line: `${method} ${url}`, headers, body: await text(request) })
      if (url === '/api/v1/moved') {
        response.writeHead(302, { location: `${base}/v1/there`, 'x-key': secret }).end()
      } else if (url?.startsWith('/api/v1/moved?')) {
        const location = Buffer.from(url.slice('/api/v1/moved?'.length), 'hex').toString().replace('BASE', base)
        response.writeHead(302, { location }).end()
      } else if (url?.startsWith('/api/v1/headers?')) {
        const given = JSON.parse(Buffer.from(url.slice('/api/v1/headers?'.length), 'hex').toString())
        response.writeHead(200, given).end('x')
      } else if (url === '/api/v1/away') response.writeHead(307, { location: 'https://evil.example/' }).end()
      else if (url === '/api/v1/slow') {
        response.writeHead(200, { 'content-type': 'text/plain', 'keep-alive': 'timeout=1', 'set-cookie': 'session=1' })
        response.write('first ')
        finish = () => response.end('last')
      } else response.writeHead(200, { 'content-type': 'text/plain', etag: '"1"' }).end(`hello ${secret}`)
    }),
  )
  base = `http://127.0.0.1:${upstream.port}/api`
})
afterAll(() => upstream.close())

async function start(
  to = base,
  bind: RequestBinding = bindToRequest({ origins: [origin] }),
  headers?: readonly string[],
  credential: Pick<MemoryCredential, 'processor' | 'secret'> = { secret, processor: bearer() },
): Promise<Listening> {
  const handler = proxyTo({ upstream: to, ...(headers !== undefined && { headers }) })
  const service = createService({
    audience: self.did,
    subjects: [alice.did],
    handlers: [on({ ...command, credential: 'api' }, handler)],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    vault: memoryVault({ api: { ...credential, origins: [new URL(to).origin], methods: ['GET', 'POST'] } }, { clock }),
    audit: { sink: memoryAuditSink() },
    clock,
  })
  seen.length = 0
  return listen(createServer(nodeHandler(service, { command, bind })))
}

async function headersFor(path: string, method = 'GET', body = ''): Promise<string[]> {
  const args = { ...(await bindRequest({ url: `${origin}${path}`, method, body })) }
  const invocation = await call({ issuer: bob, subject: alice.did, proofs: [grant], command: command.command, args })
  return [
    'host: proxy.example',
    'connection: close, x-hop',
    `x-ucan-container: ${encodeContainer([invocation, grant])}`,
  ]
}

const bytesOf = (line: string, headers: readonly string[], body = ''): string =>
  [`${line} HTTP/1.1`, ...headers, ...(body === '' ? [] : [`content-length: ${body.length}`]), '', body].join('\r\n')

async function within<T>(server: Listening, task: (port: number) => Promise<T>): Promise<T> {
  try {
    return await task(server.port)
  } finally {
    await server.close()
  }
}

describe('a reverse proxy with a credential', () => {
  it('HTP-40 sends the signed request and its body to the upstream, with the credential, which nobody sees', async () => {
    const headers = await headersFor('/v1/things?a=b', 'POST', '{"x":1}')
    const response = await within(await start(), (port) =>
      exchange(port, bytesOf('POST /v1/things?a=b', [...headers, 'content-type: application/json'], '{"x":1}')),
    )
    expect(response).toMatchObject({ status: 200, body: 'hello [redacted]' })
    expect(response.headers).toContain('etag: "1"')
    expect(seen).toMatchObject([{ line: 'POST /api/v1/things?a=b', body: '{"x":1}' }])
    expect(seen[0]?.headers).toMatchObject({ authorization: `Bearer ${secret}`, 'content-type': 'application/json' })
  })

  it('HTP-40 sends the bytes of the signed query, whatever way the credential takes', async () => {
    const queries = ['role=user&role=admin', 'b=1&a=2', 'a=1;b=2', 'a=b%20c', 'a=b+c', 'a=~()*!', 'a&b=', 'a=%2F']
    const aws = { accessKeyId: 'AKIA', secretAccessKey: secret }
    const ways = [
      { way: { secret, processor: bearer() }, added: '' },
      { way: { secret, processor: query({ name: 'key' }) }, added: `&key=${secret}` },
      { way: { secret: aws, processor: sigV4({ region: 'eu-central-1', service: 'execute-api' }) }, added: '' },
    ]
    for (const { way, added } of ways) {
      await within(await start(base, undefined, undefined, way), async (port) => {
        for (const text of queries) {
          const path = `/v1/things?${text}`
          expect((await exchange(port, bytesOf(`GET ${path}`, await headersFor(path)))).status, path).toBe(200)
        }
      })
      expect(seen.map(({ line }) => line)).toEqual(queries.map((text) => `GET /api/v1/things?${text}${added}`))
    }
    // Of its own parameter, the upstream receives the one with the secret, also where semicolons separate them.
    await within(await start(base, undefined, undefined, ways[1]?.way), async (port) => {
      for (const text of ['key=mine&a=%20', 'a=%20;key=mine', 'key=mine;a=%20&key=mine', 'a=%20&key']) {
        const path = `/v1/things?${text}`
        await exchange(port, bytesOf(`GET ${path}`, await headersFor(path)))
      }
    })
    expect(seen.map(({ line }) => line)).toEqual(Array(4).fill(`GET /api/v1/things?a=%20&key=${secret}`))
    await within(await start(base, undefined, undefined, ways[2]?.way), async (port) => {
      const path = '/v1/things?%E4=1'
      expect((await exchange(port, bytesOf(`GET ${path}`, await headersFor(path)))).status).toBe(500)
    })
    expect(seen).toEqual([])
  })

  it('HTP-42 removes the headers of a connection, and those that carry authority of the client', async () => {
    const more = [
      'x-hop: 1',
      'cookie: a=b',
      'te: trailers',
      'x-forwarded-for: 1.2.3.4',
      'x-api-key: k',
      'accept: text/plain',
      'if-none-match: "2"',
    ]
    const headers = await headersFor('/v1/things')
    await within(await start(), (port) => exchange(port, bytesOf('GET /v1/things', [...headers, ...more])))
    const [first] = seen
    expect(first?.headers).toMatchObject({ accept: 'text/plain', 'if-none-match': '"2"' })
    for (const name of ['x-hop', 'cookie', 'te', 'x-forwarded-for', 'x-api-key', 'x-ucan-container'])
      expect(first?.headers, name).not.toHaveProperty(name)
  })

  it('HTP-42 sends the headers that are listed: no other chooses an operation, a tenant or a user', async () => {
    const choosing = [
      ...[
        'x-amz-target',
        'soapaction',
        'x-scope-orgid',
        'x-tenant-id',
        'x-vault-namespace',
        'x-on-behalf-of',
        'x-role',
      ],
      ...['x-object-manifest', 'x-symlink-target', 'dropbox-api-select-admin', 'x-http-verb', 'x-act-as', 'origin'],
    ]
    const usual = [
      ...['accept', 'accept-language', 'content-encoding', 'content-language', 'content-type', 'idempotency-key'],
      ...['if-match', 'if-modified-since', 'if-none-match', 'if-unmodified-since', 'prefer', 'user-agent'],
    ]
    const more = [...choosing, ...usual, 'range'].map((name) => `${name}: of-client`)
    const ofClient = async (listed?: readonly string[]): Promise<readonly string[]> => {
      const service = await start(base, undefined, listed)
      const sent = bytesOf('GET /v1/things', [...(await headersFor('/v1/things')), ...more])
      expect((await within(service, (port) => exchange(port, sent))).status).toBe(200)
      const received = Object.entries(seen[0]?.headers ?? {})
      return received.flatMap(([name, value]) => (value === 'of-client' ? [name] : [])).sort()
    }
    expect(await ofClient()).toEqual(usual)
    // The vault drops `Range` unless the credential lists it as well.
    expect(await ofClient(['X-Tenant-Id', 'Accept', 'range'])).toEqual(['accept', 'x-tenant-id'])
    expect(await ofClient([])).toEqual([])
    for (const name of ['Authorization', 'cookie', 'host', 'connection', 'X-UCAN-Container', 'a b', ''])
      expect(() => proxyTo({ upstream: base, headers: [name] }), name).toThrow(ArgumentError)
  })

  it('HTP-41 passes a redirect on, and sends the credential for the signed path alone', async () => {
    await within(await start(), async (port) => {
      const inside = await exchange(port, bytesOf('GET /v1/moved', await headersFor('/v1/moved')))
      expect(inside.status).toBe(302)
      expect(inside.headers).toContain('location: /v1/there')
      expect(JSON.stringify(inside)).not.toContain(secret)
      const away = await exchange(port, bytesOf('GET /v1/away', await headersFor('/v1/away')))
      expect(away.headers).toContain('location: https://evil.example/')
    })
    expect(seen.map(({ line }) => line)).toEqual(['GET /api/v1/moved', 'GET /api/v1/away'])
  })

  it('HTP-41 rewrites a redirect by its meaning, and to no other host [attack 45]', async () => {
    const own = new URL(base)
    const meanings: readonly (readonly [string, string])[] = [
      // To the configured URL, in each spelling.
      ['BASE/v1/there?a=b#c', '/v1/there?a=b#c'],
      ['/api/v1/there', '/v1/there'],
      ['there', '/v1/there'],
      [`//${own.host}/api/v1/there`, '/v1/there'],
      [`HTTP://127.0.0.1:${own.port}/x/../api/v1/there`, '/v1/there'],
      // Without the configured URL, each of these is the address of another host.
      ['BASE//evil.example/x', '/.//evil.example/x'],
      ['BASE/\\evil.example/x', '/.//evil.example/x'],
      ['BASE/\t/evil.example/x', '/.//evil.example/x'],
      ['/api//evil.example', '/.//evil.example'],
      // Elsewhere at the upstream: the proxy has no such path.
      ['/login', `${own.origin}/login`],
      ['/apiary/x', `${own.origin}/apiary/x`],
      ['BASE/../login', `${own.origin}/login`],
      ['//evil.example/x', 'http://evil.example/x'],
      ['https://[bad', 'https://[bad'],
    ]
    await within(await start(), async (port) => {
      for (const [location, expected] of meanings) {
        const path = `/v1/moved?${Buffer.from(location).toString('hex')}`
        const response = await exchange(port, bytesOf(`GET ${path}`, await headersFor(path)))
        const line = response.headers.find((header) => header.startsWith('location: '))
        expect(line, location).toBe(`location: ${expected}`)
        // As a client reads it.
        const isWithin = expected.startsWith('/')
        if (isWithin) expect(new URL(expected, origin).origin, location).toBe(origin)
      }
    })
  })

  it('HTP-46 lets no upstream speak for the origin of the proxy, or to caches and servers in front of it [attack 77]', async () => {
    const cached: readonly (readonly [string | undefined, string])[] = [
      [undefined, 'private'],
      ['public, max-age=600', 'private, max-age=600'],
      ['Public,S-MaxAge=9 , stale-while-revalidate=5', 'private, stale-while-revalidate=5'],
      ['private="x-a, public", no-cache="set-cookie, x", max-age=1', 'private, no-cache'],
      ['private="x-a, public", No-Store', 'private, no-store'],
      ['no-store', 'private, no-store'],
      ['public=1,,', 'private'],
    ]
    const foreign = {
      ...{ 'surrogate-control': 'max-age=9', 'cdn-cache-control': 'max-age=9', 'cloudflare-cdn-cache-control': 'x' },
      ...{ 'strict-transport-security': 'max-age=0', 'clear-site-data': '"*"', 'alt-svc': 'h2="evil.example:443"' },
      ...{
        'service-worker-allowed': '/',
        nel: '{}',
        'report-to': '{}',
        'reporting-endpoints': 'a="https://evil.example"',
      },
      ...{ 'x-accel-redirect': '/internal/secret', 'x-accel-expires': '600', 'x-sendfile': '/etc/passwd' },
    }
    await within(await start(), async (port) => {
      for (const [given, expected] of cached) {
        const sent = { ...foreign, etag: '"1"', 'x-accel-buffering': 'no', ...(given && { 'cache-control': given }) }
        const path = `/v1/headers?${Buffer.from(JSON.stringify(sent)).toString('hex')}`
        const { headers } = await exchange(port, bytesOf(`GET ${path}`, await headersFor(path)))
        expect(headers).toEqual(
          expect.arrayContaining([`cache-control: ${expected}`, 'etag: "1"', 'x-accel-buffering: no']),
        )
        const names = headers.map((line) => line.split(':')[0])
        expect(Object.keys(foreign).filter((name) => names.includes(name))).toEqual([])
      }
    })
  })

  it('HTP-23 streams the response', async () => {
    await within(await start(), async (port) => {
      const [host, , container] = await headersFor('/v1/slow')
      const sent = Object.fromEntries([host, container].map((line) => (line as string).split(': ') as [string, string]))
      const parts: string[] = []
      const ended = new Promise<void>((resolve, reject) => {
        requestOf({ port, host: '127.0.0.1', path: '/v1/slow', headers: sent }, (response) => {
          expect(response.headers).not.toHaveProperty('set-cookie')
          response.setEncoding('utf8').on('data', (part: string) => {
            parts.push(part)
            if (parts.length === 1) finish?.()
          })
          response.on('end', resolve)
        })
          .on('error', reject)
          .end()
      })
      await ended
      expect(parts).toEqual(['first ', 'last'])
    })
  })

  it('sends nothing for a call that is moved, an upgrade, or a path that the policy excludes', async () => {
    await within(await start(), async (port) => {
      const headers = await headersFor('/v1/things')
      const statusOf = async (line: string, given: readonly string[] = headers, body = ''): Promise<number> =>
        (await exchange(port, bytesOf(line, given, body))).status
      expect(await statusOf('GET /v1/other')).toBe(403)
      expect(await statusOf('POST /v1/things')).toBe(403)
      expect(await statusOf('GET /v1/things', headers, 'x')).toBe(403)
      expect(await statusOf('GET /v1/things', [...headers, 'upgrade: websocket'])).toBe(400)
      expect(await statusOf('GET /v2/things', await headersFor('/v2/things'))).toBe(403)
      expect(seen).toEqual([])
      expect(await statusOf('GET /v1/things')).toBe(200)
      // The rules of the credential.
      expect(await statusOf('DELETE /v1/things', await headersFor('/v1/things', 'DELETE'))).toBe(500)
      expect(seen).toHaveLength(1)
    })
  })

  it('HTP-40 compares the body with its digest even if the adapter does not', async () => {
    const service = await start(base, { read: async () => ({ bound: true, args: {} as never, body: undefined }) })
    await within(service, async (port) => {
      const headers = await headersFor('/v1/things', 'POST', 'signed')
      expect((await exchange(port, bytesOf('POST /v1/things', headers, 'forged'))).status).toBe(500)
      expect(seen).toEqual([])
    })
  })

  it('HTP-27 has the status 502 if the upstream is gone', async () => {
    const gone = await listen(createServer())
    await gone.close()
    await within(await start(`http://127.0.0.1:${gone.port}`), async (port) => {
      const response = await exchange(port, bytesOf('GET /v1/things', await headersFor('/v1/things')))
      expect(response.status).toBe(502)
      expect(response.body).not.toContain(secret)
    })
  })

  it('is made of a URL that paths can be put after', () => {
    for (const to of [
      '',
      'x',
      'https://a.example/',
      'https://a.example?x',
      'https://u:p@a.example',
      'https://a.example/../x',
      'ftp://a.example',
    ])
      expect(() => proxyTo({ upstream: to }), to).toThrow(ArgumentError)
    expect(proxyTo({ upstream: 'https://a.example/api' })).toBeTypeOf('function')
  })
})
