import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { readGatewayConfig } from '../../../src/index.ts'
import { type ApiHome, codeOf, makeApiHome } from './api-home.ts'
import { canary } from './gateway-home.ts'

let api: ApiHome

beforeEach(async () => {
  api = await makeApiHome()
})

afterEach(() => api.remove())

const kinds = async (): Promise<readonly unknown[]> => (await api.home.records()).map(({ kind }) => kind)

const configOf = (): ReturnType<typeof readGatewayConfig> => readGatewayConfig(`${api.home.folder}/gateway.json`)

describe('an API behind the gateway', () => {
  it('is called by an unchanged client, and gets the credential [GTW-60] [CON-22]', async () => {
    const { home, agent, upstream } = api
    api.configure({ headers: ['X-Version', 'x-forwarded-host', 'x-api-key'] })
    const gateway = await home.open()
    expect([...gateway.apis().keys()]).toEqual(['crm'])
    await agent.give(home.owner, '/http/crm', [['like', '.path', '/v1/*']])
    const call = await api.client()
    const headers = { 'x-version': '2', 'x-api-key': 'of the client', cookie: 'a=1', 'x-forwarded-host': 'a.example' }
    const response = await call('/v1/contacts?limit=2', { method: 'POST', body: '{"name":"bob"}', headers })
    expect([response.status, await response.json()]).toEqual([200, { line: 'POST /v1/contacts?limit=2' }])
    const [seen] = upstream.seen
    expect(seen).toMatchObject({ line: 'POST /v1/contacts?limit=2', body: '{"name":"bob"}' })
    expect(seen?.headers).toMatchObject({ 'x-version': '2', 'x-api-key': canary })
    for (const name of ['authorization', 'cookie', 'x-forwarded-host', 'x-ucan-container'])
      expect(Object.keys(seen?.headers ?? {})).not.toContain(name)
    const records = await home.records()
    expect(records.map(({ kind }) => kind)).toEqual(['intent', 'released', 'outcome'])
    expect(records[0]).toMatchObject({ command: '/http/crm', args: { method: 'POST', path: '/v1/contacts' } })
    expect(records[2]).toMatchObject({ status: 'ok', upstreamStatus: 200 })
    // A CID may contain three letters by chance, so the words are sought with their punctuation.
    expect(JSON.stringify(records)).not.toMatch(/limit=|\Wbob\W/)
  })

  it('is not reached without a delegation, nor beyond its policy; the refusals are on record [GTW-60]', async () => {
    const { home, agent, upstream } = api
    await home.open()
    const call = await api.client()
    const denied = await call('/v1/contacts')
    expect(denied.headers.get('content-type')).toBe('application/problem+json')
    expect(await codeOf(denied)).toEqual([403, 'root_not_subject'])
    await agent.give(home.owner, '/http/crm', [
      ['==', '.method', 'GET'],
      ['like', '.path', '/v1/*'],
    ])
    expect((await call('/v1/contacts')).status).toBe(200)
    expect(await codeOf(await call('/v1/contacts', { method: 'DELETE' }))).toEqual([403, 'policy_unsatisfied'])
    expect(await codeOf(await call('/v2/contacts'))).toEqual([403, 'policy_unsatisfied'])
    expect(upstream.seen).toHaveLength(1)
    expect(await kinds()).toEqual(['denied', 'intent', 'released', 'outcome', 'denied', 'denied'])
  })

  it('accepts its methods and its paths alone, by whole segments [GTW-60]', async () => {
    const { home, agent } = api
    api.configure({ methods: ['GET'], paths: ['/v1/contacts', '/v2'] })
    await home.open()
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    for (const path of ['/v1/contacts', '/v1/contacts/7', '/v1/contacts/', '/v2/x'])
      expect((await call(path)).status, path).toBe(200)
    for (const path of ['/v1', '/v1/contactsx', '/v20', '/'])
      expect(await codeOf(await call(path)), path).toEqual([400, 'arguments_invalid'])
    expect(await codeOf(await call('/v2/x', { method: 'POST' }))).toEqual([400, 'arguments_invalid'])
  })

  it('gets no credential for a redirect, and answers with its path or address [GTW-61]', async () => {
    const { home, agent, upstream } = api
    await home.open()
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    const within = await call('/v1/moved')
    expect([within.status, within.headers.get('location')]).toEqual([302, '/v1/there'])
    const away = await call('/v1/away')
    expect([away.status, away.headers.get('location')]).toEqual([307, 'http://127.0.0.1:9/'])
    expect(upstream.seen.map(({ line }) => line)).toEqual(['GET /v1/moved', 'GET /v1/away'])
  })

  it('does not show the credential, nor a session that it has opened, to the agent [GTW-61]', async () => {
    const { home, agent } = api
    await home.open()
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    const echo = await call('/v1/echo')
    expect([await echo.text(), echo.headers.get('x-echo')]).toEqual(['the key is [redacted]', '[redacted]'])
    const stream = await call('/v1/stream')
    expect(stream.headers.get('set-cookie')).toBe(null)
    api.upstream.finish()
    await stream.text()
    expect(JSON.stringify([home.events, await home.records()])).not.toContain(canary)
  })

  it('streams its response; a client that is gone ends the request; half a body is not whole [GTW-61] [CON-22]', async () => {
    const { home, agent, upstream } = api
    await home.open()
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    const stream = await call('/v1/stream')
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n')
    upstream.finish()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 2\n\n')
    expect((await reader.read()).done).toBe(true)
    const gone = new AbortController()
    await call('/v1/stream', { signal: gone.signal })
    gone.abort()
    await until(() => upstream.gone() !== 0, 10)
    const broken = await call('/v1/broken')
    upstream.finish()
    await expect(broken.text()).rejects.toThrow()
    const head = await call('/v1/contacts', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('takes another configuration: open streams end by themselves, new requests follow it [GTW-63]', async () => {
    const { home, agent, upstream } = api
    const gateway = await home.open()
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    const stream = await call('/v1/stream')
    api.configure({ methods: ['GET'] })
    await gateway.reload(await configOf())
    expect(await codeOf(await call('/v1/x', { method: 'POST' }))).toEqual([400, 'arguments_invalid'])
    upstream.finish()
    expect(await stream.text()).toBe('data: 1\n\ndata: 2\n\n')
    home.configure((config) => void Object.assign(config, { apis: {} }))
    await gateway.reload(await configOf())
    const gone = await call('/v1/x')
    expect([gone.status, await gone.text()]).toEqual([503, expect.stringContaining('the gateway has no API `crm`')])
  })

  it('gets every request of a dry run, with the decision on record [GTW-63]', async () => {
    const { home, agent, upstream } = api
    await home.open({ dryRun: true })
    const call = await api.client()
    expect((await call('/v1/a', { method: 'POST', body: 'x' })).status).toBe(200)
    await agent.give(home.owner, '/http/crm')
    expect((await call('/v1/b')).status).toBe(200)
    expect(upstream.seen.map(({ line, body }) => `${line} ${body}`)).toEqual(['POST /v1/a x', 'GET /v1/b '])
    expect(upstream.seen.every(({ headers }) => headers['x-api-key'] === canary)).toBe(true)
    const records = await home.records()
    const shadow = records.filter(({ mode }) => mode === 'shadow').map(({ kind, command }) => [kind, command])
    expect(shadow).toEqual([
      ['denied', '/http/crm'],
      ['intent', '/http/crm'],
      ['outcome', undefined],
    ])
    const own = records.filter(({ kind, mode }) => kind === 'intent' && mode === undefined)
    expect(own.map(({ command }) => command)).toEqual(['/gateway/http/crm', '/gateway/http/crm'])
    expect(home.events.filter(({ message }) => message.includes('a request would be refused'))).toHaveLength(1)
  })

  it('whose credential may not be used so is refused at the start [GTW-60]', async () => {
    await api.storeKey({ origin: 'https://elsewhere.example' })
    await expect(api.home.open()).rejects.toThrow(/the credential `crm\.key` of the API `crm` may not be sent to http:/)
    await api.storeKey({ methods: ['GET'] })
    await expect(api.home.open()).rejects.toThrow(/may not be sent with HEAD; name fewer `methods`, or store it again/)
    await api.storeKey()
    api.configure({ secretHeaders: { Authorization: 'crm.key' } })
    await expect(api.home.open()).rejects.toThrow(/is not sent in the header Authorization; correct `secretHeaders`/)
    api.configure({ secretHeaders: { 'X-Api-Key': 'crm.other' } })
    await expect(api.home.open()).rejects.toThrow(/the credential `crm\.other` of the API `crm` is not in the vault/)
  })

  it('is not closed while a request is in progress, but only for a moment [GTW-63]', async () => {
    const { home, agent, upstream } = api
    const gateway = await home.open({ stopTimeoutMs: 5_000 })
    await agent.give(home.owner, '/http/crm')
    const call = await api.client()
    const stream = await call('/v1/stream')
    const closing = gateway.close()
    expect(await codeOf(await call('/v1/x'))).toEqual([503, 'gateway_unavailable'])
    upstream.finish()
    expect(await stream.text()).toBe('data: 1\n\ndata: 2\n\n')
    await closing
    expect(await codeOf(await call('/v1/x'))).toEqual([503, 'gateway_unavailable'])
    const again = await home.open({ stopTimeoutMs: 50 })
    const cut = await call('/v1/stream')
    await again.close()
    await expect(cut.text()).rejects.toThrow()
  })
})
