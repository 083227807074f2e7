import { createServer } from 'node:http'
import createClient from 'openapi-fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { agentFetch } from '../../src/agent/agent-fetch.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { eq, like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { ArgumentError } from '../../src/errors.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { requestArguments } from '../../src/http/binding/request-arguments.ts'
import { bindToRequest } from '../../src/http/binding/request-binding.ts'
import { proxyTo } from '../../src/http/proxy.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { actor } from '../support/actors.ts'
import { freePort } from '../support/free-port.ts'
import { listenInTest } from '../support/listen-in-test.ts'

const [owner, signer, self] = [await actor('owner'), await actor('agent'), await actor('service')]
const command = defineCommand({ command: '/api/request', args: requestArguments() })
const key = 'canary-key'

/** An API with a key, behind a proxy that puts the key into requests. */
async function startApi() {
  const seen: string[] = []
  let finish = (): void => undefined
  const upstream = await listenInTest(
    createServer(async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      const { authorization, 'content-type': type = '' } = request.headers
      seen.push(`${request.method} ${request.url} ${authorization} ${type.split(';')[0]} ${Buffer.concat(parts)}`)
      if (request.url === '/stream') {
        response.write('first ')
        finish = () => response.end('last')
      } else if (request.url === '/moved') response.writeHead(302, { location: '/reports/may' }).end()
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"total":7}')
    }),
  )
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const to = `http://127.0.0.1:${upstream}`
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [on({ ...command, credential: 'api' }, proxyTo({ upstream: to }))],
    vault: memoryVault({
      api: { secret: key, processor: bearer(), origins: [to], methods: ['GET', 'POST', 'PUT'] },
    }),
    audit: { sink: memoryAuditSink() },
    ...memoryStores(),
  })
  const server = createServer(nodeHandler(service, { command, bind: bindToRequest({ origins: [origin] }) }))
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  return { origin, seen, finish: () => finish() }
}

async function fetchFor(origin: string) {
  const delegations = [
    await delegate({
      issuer: owner,
      audience: signer.did,
      command: command.command,
      policy: [eq('.method', 'GET'), like('.path', '/reports/*')],
    }),
    await delegate({
      issuer: owner,
      audience: signer.did,
      command: command.command,
      policy: [like('.path', '/notes*')],
    }),
    await delegate({ issuer: owner, audience: signer.did, command: command.command, policy: [eq('.path', '/stream')] }),
    await delegate({ issuer: owner, audience: signer.did, command: command.command, policy: [eq('.path', '/moved')] }),
  ]
  const agent = await openAgent({ signer, delegations })
  return agentFetch(agent, { command, audience: self.did, origins: [origin] })
}

describe('agentFetch', () => {
  it('AGT-44 signs the requests of a client that takes a fetch', async () => {
    const { origin, seen } = await startApi()
    interface Paths {
      readonly '/reports/{month}': {
        readonly get: {
          readonly parameters: { readonly path: { readonly month: string }; readonly query: { readonly all: boolean } }
          readonly responses: {
            readonly 200: { readonly content: { readonly 'application/json': { readonly total: number } } }
          }
        }
      }
    }
    // The key that the client has is not one: it is replaced by the call.
    const headers = { authorization: 'Bearer none' }
    const client = createClient<Paths>({ baseUrl: origin, fetch: await fetchFor(origin), headers })
    const params = { path: { month: 'may 1' }, query: { all: true } }
    const { data } = await client.GET('/reports/{month}', { params })
    expect(data).toEqual({ total: 7 })
    expect(seen).toEqual([`GET /reports/may%201?all=true Bearer ${key}  `])
  })

  it('AGT-44 covers each kind of body, and streams the response', async () => {
    const { origin, seen, finish } = await startApi()
    const fetch = await fetchFor(origin)
    const form = new FormData()
    form.set('a', 'b')
    const bodies = [
      'text',
      new TextEncoder().encode('bytes'),
      new URLSearchParams({ a: 'b' }),
      new Blob(['blob']),
      form,
    ]
    for (const body of bodies) expect((await fetch(`${origin}/notes`, { method: 'POST', body })).status).toBe(200)
    const stream = new Blob(['streamed']).stream()
    const request = new Request(`${origin}/notes`, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit)
    expect((await fetch(request)).status).toBe(200)
    expect((await fetch(`${origin}/notes#part`)).status).toBe(200)
    expect((await fetch(new URL(`${origin}/notes`), { method: 'POST', body: '' })).status).toBe(200)
    expect(seen.slice(0, 4)).toEqual([
      `POST /notes Bearer ${key} text/plain text`,
      `POST /notes Bearer ${key}  bytes`,
      `POST /notes Bearer ${key} application/x-www-form-urlencoded a=b`,
      `POST /notes Bearer ${key}  blob`,
    ])
    expect(seen[4]).toMatch(/^POST \/notes Bearer canary-key multipart\/form-data .*name="a"/s)
    expect(seen.slice(5).map((line) => line.replace(/text\/plain/, '').trim())).toEqual([
      `PUT /notes Bearer ${key}  streamed`,
      `GET /notes Bearer ${key}`,
      `POST /notes Bearer ${key}`,
    ])
    const reader = (await fetch(`${origin}/stream`)).body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('first ')
    finish()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('last')
  })

  it('AGT-44 answers a call that the agent refuses as the service would, and sends nothing', async () => {
    const { origin, seen } = await startApi()
    const fetch = await fetchFor(origin)
    const response = await fetch(`${origin}/reports/may`, { method: 'DELETE' })
    expect(response.status).toBe(403)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({
      code: 'policy_unsatisfied',
      detail: expect.stringContaining('.method'),
    })
    expect((await fetch(`${origin}/admin`)).status).toBe(403)
    expect(seen).toEqual([])
  })

  it('AGT-44 sends no call elsewhere: to another origin, after a redirect, or for a URL of two readings', async () => {
    const { origin, seen } = await startApi()
    const fetch = await fetchFor(origin)
    const other: string[] = []
    const port = await listenInTest(createServer((request, response) => response.end(other.push(String(request.url)))))
    await expect(fetch(`http://127.0.0.1:${port}/reports/may`)).rejects.toThrow(ArgumentError)
    await expect(fetch(`http://127.0.0.1:${port}/reports/may`)).rejects.toThrow(/is not among the `origins`/)
    await expect(fetch(`${origin}/reports/a%2fb`)).rejects.toThrow(/canonical form/)
    await expect(fetch(`${origin}/moved`)).rejects.toThrow()
    expect(other).toEqual([])
    expect(seen).toEqual([`GET /moved Bearer ${key}  `])
    const ended = AbortSignal.abort(new Error('enough'))
    await expect(fetch(`${origin}/reports/may`, { signal: ended })).rejects.toThrow('enough')
  })

  it('refuses options that would fail each request', async () => {
    const agent = await openAgent({ signer })
    const origins = ['https://api.example.com']
    const make =
      (options: object, by: unknown = agent) =>
      () =>
        agentFetch(by as never, { command, origins, ...options })
    expect(make({ origins: [] })).toThrow(/`origins`/)
    expect(make({ origins: ['https://api.example.com/'] })).toThrow(/without a path/)
    expect(make({ origin: 'x' })).toThrow(ArgumentError)
    expect(make({ audience: undefined })).toThrow(/`audience` is undefined/)
    expect(make({}, Promise.resolve(agent))).toThrow(/await it/)
  })
})
