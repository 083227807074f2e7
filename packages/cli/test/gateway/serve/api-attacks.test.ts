import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Delegation, encodeContainer, invoke } from 'procura'
import { bindRequest } from 'procura/http/binding'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiListener, type Gateway, readGatewayConfig } from '../../../src/index.ts'
import { type ApiHome, makeApiHome } from './api-home.ts'
import { exchangeBytes } from './api-upstream.ts'
import { canary } from './gateway-home.ts'

let api: ApiHome
let gateway: Gateway
let grant: Delegation

beforeEach(async () => {
  api = await makeApiHome()
  gateway = await api.home.open()
  grant = await api.agent.give(api.home.owner, '/http/crm')
})

afterEach(() => api.remove())

/** The container of a call for one request, signed by the agent. */
async function container(
  path: string,
  { method = 'GET', body = '', origin = api.upstream.origin } = {},
): Promise<string> {
  const { agent, home } = api
  const args = { ...(await bindRequest({ url: `${origin}${path}`, method, body })) }
  const call = { issuer: agent.signer, audience: home.service.did, subject: home.owner.did, proofs: [grant], args }
  return encodeContainer([await invoke({ ...call, command: '/http/crm' }), grant])
}

const hello = '{"procura":1,"api":"crm"}\n'

/** A request without a body. */
function request(target: string, token: string, more: readonly string[] = []): string {
  const host = new URL(api.upstream.origin).host
  const headers = [`Host: ${host}`, ...(token === '' ? [] : [`X-UCAN-Container: ${token}`]), ...more]
  return [`GET ${target} HTTP/1.1`, ...headers, '', ''].join('\r\n')
}

const statusOf = (answer: string): string => / (\d{3}) /.exec(answer.split('\n').slice(1).join('\n'))?.[1] ?? 'closed'

describe('the socket of a gateway, with a request to an API', () => {
  const send = (bytes: string): Promise<string> => exchangeBytes(gateway.place, `${hello}${bytes}`)

  it('answers a request that is signed, once, and names the origin first [GTW-61]', async () => {
    const token = await container('/v1/a')
    const answer = await send(request('/v1/a', token))
    expect(JSON.parse(answer.split('\n')[0] ?? '')).toEqual({
      ...{ procura: 1, audience: gateway.did, origin: api.upstream.origin },
    })
    expect(statusOf(answer)).toBe('200')
    expect(statusOf(await send(request('/v1/a', token)))).toBe('401')
    expect(api.upstream.seen).toHaveLength(1)
  })

  it('refuses a call that is moved to another request [GTW-61]', async () => {
    const token = await container('/v1/a')
    const post = await container('/v1/a', { method: 'POST', body: 'one' })
    const host = new URL(api.upstream.origin).host
    const posted = (body: string): string =>
      `POST /v1/a HTTP/1.1\r\nHost: ${host}\r\nX-UCAN-Container: ${post}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    for (const bytes of [request('/v1/b', token), request('/v1/a?x=1', token), posted('two'), posted('')]) {
      const answer = await send(bytes)
      expect([statusOf(answer), answer.includes('"request_mismatch"')]).toEqual(['403', true])
    }
    for (const bytes of [
      request('/v1/a', token).replace(`Host: ${host}`, 'Host: evil.example'),
      request('/v1/a', token, [`Host: ${host}`]),
      request('/v1/a', token, ['Upgrade: websocket', 'Connection: Upgrade']),
      request(`http://${host}/v1/a`, token),
      request('*', token),
    ])
      expect(['400', '421']).toContain(statusOf(await send(bytes)))
    expect(api.upstream.seen).toEqual([])
    expect(statusOf(await send(request('/v1/a', token)))).toBe('200')
    expect(statusOf(await send(posted('one')))).toBe('200')
  })

  it('refuses a call for another API or another gateway [GTW-61]', async () => {
    const other = await container('/v1/a', { origin: 'https://api.example.com' })
    expect(await send(request('/v1/a', other))).toContain('"request_mismatch"')
    const { agent, home } = api
    const args = { ...(await bindRequest({ url: `${api.upstream.origin}/v1/a` })) }
    const call = { issuer: agent.signer, subject: home.owner.did, proofs: [grant], args }
    const elsewhere = await invoke({ ...call, audience: home.owner.did, command: '/http/crm' })
    expect(await send(request('/v1/a', encodeContainer([elsewhere, grant])))).toContain('"audience_mismatch"')
    const wrong = await invoke({ ...call, audience: home.service.did, command: '/http/crm/more' })
    expect(await send(request('/v1/a', encodeContainer([wrong, grant])))).toContain('"command_unknown"')
    expect(api.upstream.seen).toEqual([])
  })

  it('records a request without a call, before it is answered [GTW-64]', async () => {
    expect(statusOf(await send(request('/v1/a', '')))).toBe('401')
    const twice = await send(request('/v1/a', await container('/v1/a'), ['Authorization: Bearer YWJj']))
    expect(statusOf(twice)).toBe('400')
    expect(statusOf(await send(request('//evil.example/', await container('/v1/a'))))).toBe('403')
    const denied = (await api.home.records()).filter(({ kind }) => kind === 'denied')
    expect(denied).toMatchObject([
      { authenticated: false, code: 'container_missing', command: '/http/crm' },
      { authenticated: false, code: 'container_unreadable', command: '/http/crm' },
      { code: 'request_mismatch' },
    ])
    for (let count = 0; count < 110; count++) await send(request('/v1/a', ''))
    expect((await api.home.records()).filter(({ kind }) => kind === 'denied').length).toBeLessThan(110)
  })

  it('executes no second request behind the first one [GTW-61]', async () => {
    const [one, two] = [await container('/v1/a'), await container('/v1/b')]
    const answer = await send(`${request('/v1/a', one)}${request('/v1/b', two)}`)
    expect(statusOf(answer)).toBe('200')
    const host = new URL(api.upstream.origin).host
    const smuggled = [
      // Two lengths, a length beside chunks, and chunks that hide a request.
      `POST /v1/c HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      `POST /v1/c HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /v1/c HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
      `POST /v1/c HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
      `GET /v1/c HTTP/1.1\nHost: ${host}\nX-A: b\r\n\r\n`,
      `GET /v1/c HTTP/1.1\r\nHost: ${host}\r\nX-A\r\n : b\r\n\r\n`,
    ]
    for (const bytes of smuggled) expect(['400', '401', 'closed'], bytes).toContain(statusOf(await send(bytes)))
    expect(api.upstream.seen.map(({ line }) => line)).toEqual(['GET /v1/a'])
  })

  it('sends the credential alone in its header, whatever the agent names in headers and trailers [GTW-61]', async () => {
    const host = new URL(api.upstream.origin).host
    for (const more of [
      ['X-Api-Key: mine'],
      ['X-Api-Key: mine', 'Connection: X-Api-Key'],
      ['Connection: X-Api-Key, Host, Content-Length'],
      ['Connection: close, authorization', 'Authorization: Bearer mine'],
      ['x_api_key: mine'],
      ['Te: trailers', 'Trailer: X-Api-Key'],
      ['Host: evil.example'],
    ]) {
      const answer = await send(request('/v1/a', await container('/v1/a'), more))
      if (statusOf(answer) !== '200')
        expect(['400', '401', '403', '421', 'closed'], more[0]).toContain(statusOf(answer))
      expect(answer).not.toContain('CANARY')
    }
    const token = await container('/v1/a', { method: 'POST', body: 'ab' })
    const chunked = [
      'Transfer-Encoding: chunked',
      'Trailer: X-Api-Key',
      'Expect: 100-continue',
      `X-UCAN-Container: ${token}`,
    ]
    const lines = ['POST /v1/a HTTP/1.1', `Host: ${host}`, ...chunked, '', '2', 'ab', '0', 'X-Api-Key: mine', '', '']
    await send(lines.join('\r\n'))
    expect(api.upstream.seen.length).toBeGreaterThan(2)
    for (const { headers } of api.upstream.seen)
      expect([headers['x-api-key'], headers.host, JSON.stringify(headers).includes('mine')]).toEqual([
        canary,
        host,
        false,
      ])
  })

  it('sends the headers of the agent that the API lists, also in a dry run [GTW-61]', async () => {
    const choosing = ['X-Amz-Target', 'X-Scope-OrgID', 'X-On-Behalf-Of', 'X-Act-As'].map((name) => `${name}: of-agent`)
    const ofAgent = async (): Promise<readonly string[]> => {
      const more = ['Accept: of-agent', 'X-Crm-Version: of-agent', ...choosing]
      expect(statusOf(await send(request('/v1/a', await container('/v1/a'), more)))).toBe('200')
      const received = Object.entries(api.upstream.seen.at(-1)?.headers ?? {})
      return received.flatMap(([name, value]) => (value === 'of-agent' ? [name] : []))
    }
    expect(await ofAgent()).toEqual(['accept'])
    api.configure({ headers: ['x-crm-version'] })
    await gateway.reload(await readGatewayConfig(join(api.home.folder, 'gateway.json')))
    expect(await ofAgent()).toEqual(['x-crm-version'])
    await gateway.close()
    gateway = await api.home.open({ dryRun: true })
    expect(await ofAgent()).toEqual(['x-crm-version'])
  })

  it('takes a body up to its limit, and bounded numbers of requests and bytes [GTW-62] [GTW-22]', async () => {
    const call = await api.client()
    const large = 'x'.repeat(4_194_304)
    expect((await call('/v1/a', { method: 'POST', body: large })).status).toBe(200)
    expect((await call('/v1/a', { method: 'POST', body: `${large}x` })).status).toBe(413)
    const host = new URL(api.upstream.origin).host
    const post = await container('/v1/a', { method: 'POST', body: 'x' })
    const long = `POST /v1/a HTTP/1.1\r\nHost: ${host}\r\nX-UCAN-Container: ${post}\r\nContent-Length: 4194305\r\n\r\n`
    expect(statusOf(await send(long))).toBe('413')
    expect(statusOf(await send(request('/v1/a', '', [`X-Long: ${'x'.repeat(600_000)}`])))).toBe('431')
    const stream = await call('/v1/stream')
    const held = await Promise.all(
      Array.from(
        { length: 64 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(gateway.place, () => void socket.write(hello))
            socket.once('data', () => resolve(socket))
          }),
      ),
    )
    // They send no request, so the oldest of them makes room.
    const oldest = new Promise((resolve) => held[0]?.once('close', resolve))
    expect((await call('/v1/a')).status).toBe(200)
    await oldest
    expect(held.filter(({ destroyed }) => destroyed)).toHaveLength(1)
    api.upstream.finish()
    expect(await stream.text()).toContain('data: 2')
    for (const socket of held) socket.destroy()
    expect(await gateway.health()).toMatchObject({ healthy: true })
  })
})

describe('a listener for an API', () => {
  let listener: ApiListener
  let key: string
  let host: string

  beforeEach(async () => {
    listener = await api.listen()
    key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    host = listener.place
  })

  const ask = (line: string, headers: readonly string[], body = ''): Promise<string> =>
    exchangeBytes(listener.place, `${[line, ...headers, 'Connection: close', '', ''].join('\r\n')}${body}`)
  const statusIn = (answer: string): string => /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'closed'

  it('sends no request on whose path has several spellings, or that is for another place [CON-22] [attack 45]', async () => {
    const targets = [
      ...['//evil.example/', '/v1/../admin', '/v1/./a', '/v1/%2e%2e/admin', '/v1/a%2f..%2fadmin', '/v1//a', '/v1/a\\b'],
      ...['/v1/%61', '/v1/a#b', '/%', 'http://evil.example/v1/a', '*', '/v1/a?x=%zz', '/v1/ä'],
    ]
    for (const target of targets) {
      const answer = await ask(`GET ${target} HTTP/1.1`, [`Host: ${host}`, `Authorization: Bearer ${key}`])
      expect(['400', 'closed'], target).toContain(statusIn(answer))
    }
    expect(statusIn(await ask('CONNECT evil.example:443 HTTP/1.1', [`Host: ${host}`, `X-Api-Key: ${key}`]))).toBe(
      'closed',
    )
    const upgrade = ['Upgrade: websocket', 'Connection: Upgrade']
    expect(statusIn(await ask('GET /v1/a HTTP/1.1', [`Host: ${host}`, `X-Api-Key: ${key}`, ...upgrade]))).toBe('400')
    expect(api.upstream.seen).toEqual([])
  })

  it('sends no header on that the client has for itself, or with which it could sign [CON-22]', async () => {
    api.configure({ headers: ['x-copy', 'x-twice', 'x-hop', 'forwarded'] })
    await gateway.reload(await readGatewayConfig(join(api.home.folder, 'gateway.json')))
    const foreign = await container('/v1/a')
    const answer = await ask('GET /v1/b HTTP/1.1', [
      ...[`Host: ${host}`, `Authorization: Bearer ${key}`, `X-UCAN-Container: ${foreign}`, `X-Copy: ${key}`],
      ...['Cookie: a=1', 'X-Twice: 1', 'X-Twice: 2', 'Connection: X-Hop', 'X-Hop: 1', 'Forwarded: host=evil.example'],
    ])
    expect(statusIn(answer)).toBe('200')
    const [seen] = api.upstream.seen
    expect(seen?.headers['x-twice']).toBe('1, 2')
    expect(Object.keys(seen?.headers ?? {})).not.toEqual(expect.arrayContaining(['x-hop']))
    for (const name of ['x-copy', 'cookie', 'x-ucan-container', 'forwarded', 'authorization'])
      expect(Object.keys(seen?.headers ?? {})).not.toContain(name)
    expect(JSON.stringify([seen, await api.home.records()])).not.toContain(key)
    const underscores = await ask('GET /v1/b HTTP/1.1', [
      `Host: ${host}`,
      `X-Api-Key: ${key}`,
      `X_UCAN_Container: ${foreign}`,
    ])
    expect(statusIn(underscores)).toBe('400')
  })
})
