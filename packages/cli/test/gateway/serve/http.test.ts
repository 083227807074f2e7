import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { until } from '../../../../../test/support/until.ts'
import { headersOfBody } from '../../../src/gateway/wire/transport/protocol-headers.ts'
import { credentialRulesOf } from '../../../src/index.ts'
import { type LineClient, newClients, textOf } from '../agent-side/connect/client.ts'
import { canary, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

interface Upstream {
  readonly url: string
  readonly requests: {
    readonly method: string
    readonly authorization: string | undefined
    readonly second: unknown
    readonly headers: IncomingMessage['headers']
    readonly body: string
  }[]
  /** Answers every request with a redirect there. */
  redirectTo: string | undefined
  /** Sends the stream of the server. */
  stream: ((response: ServerResponse) => void) | undefined
  /** Ends each stream of HTTP+SSE. */
  endStreams(): void
  close(): Promise<void>
}

let home: GatewayHome
let upstream: Upstream
const clients = newClients()
let count = 0

beforeEach(async () => {
  upstream = await startUpstream()
  const mail = {
    type: 'http',
    url: upstream.url,
    headers: { 'X-Team': 'a' },
    secretHeaders: { Authorization: 'mail.A' },
  }
  home = await makeGatewayHome({ mail })
  const secretHeaders = { names: ['Authorization'], credential: 'mail.A' }
  const rules = credentialRulesOf('mail', {
    type: 'http',
    url: upstream.url,
    headers: { 'X-Team': 'a' },
    secretHeaders,
  })
  await home.vault.put('mail.A', { ...rules, secret: `Bearer ${canary}` })
})

afterEach(async () => {
  await clients.end()
  await home.remove()
  await upstream.close()
})

async function client(): Promise<LineClient> {
  count += 1
  const agent = await home.agent(`agent-${count}`)
  await agent.give(home.owner, '/mcp/mail')
  return clients.open(agent.folder)
}

describe('a server of HTTP', () => {
  it('gets the credential with each request, and each release is on record [GTW-12]', async () => {
    const gateway = await home.open()
    expect(gateway.servers()).toMatchObject([{ name: 'mail', type: 'http', tools: 2 }])
    const mail = await client()
    expect(textOf(await mail.call('send', { to: 'bob' }))).toBe('sent to bob, of a')
    const { requests } = upstream
    expect(requests.length).toBeGreaterThan(4)
    expect(requests.filter(({ authorization }) => authorization !== `Bearer ${canary}`)).toEqual([])
    expect(requests.filter(({ body }) => body.includes('xyz.ucan'))).toEqual([])
    // A request follows the record of its release: one of them may still be on its way, or may have ended before it left.
    let events = await home.records()
    const releases = (): typeof events => events.filter(({ kind }) => kind === 'released')
    await until(async () => {
      events = await home.records()
      return releases().length >= requests.length
    }, 20)
    const intents = new Map(events.filter(({ kind }) => kind === 'intent').map((one) => [one['id'], one]))
    const released = releases()
    const commands = released.map(({ intent }) => intents.get(intent)?.['command'])
    expect(commands.filter((command) => command === '/mcp/mail/send').length).toBe(1)
    expect(new Set(commands)).toEqual(new Set(['/gateway/session/mail', '/mcp/mail/send']))
  })

  it('of the former transport HTTP+SSE works with its credential, which does not come back [GTW-49] [GTW-12]', async () => {
    home.configure((given) => {
      const { mail } = given['servers'] as { mail: Record<string, unknown> }
      Object.assign(mail, { url: new URL('/sse', upstream.url).href, transport: 'sse' })
    })
    const gateway = await home.open()
    expect(gateway.servers()).toEqual([{ name: 'mail', type: 'http', tools: 2, waiting: 0 }])
    const mail = await client()
    const answers = await Promise.all(['bob', 'eve', 'ida'].map((to) => mail.call('send', { to })))
    expect(answers.map(textOf)).toEqual(['bob', 'eve', 'ida'].map((to) => `sent to ${to}, of a`))
    expect(textOf(await mail.call('echo'))).not.toContain(canary)
    expect(upstream.requests.filter(({ authorization }) => authorization !== `Bearer ${canary}`)).toEqual([])
    const events = await home.records()
    expect(events.filter(({ kind }) => kind === 'outcome').length).toBeGreaterThanOrEqual(4)
    // The server ends its stream: the client gets another session, and makes its next call in it.
    upstream.endStreams()
    await until(async () => textOf(await mail.call('send', { to: 'bob' })) === 'sent to bob, of a')
  })

  it('gets several secret headers from one credential, and none of them comes back [GTW-12]', async () => {
    const names = ['Authorization', 'X-Second-Key']
    const secretHeaders = { credential: 'mail.headers', names }
    home.configure((given) => {
      const { mail } = given['servers'] as { mail: Record<string, unknown> }
      mail['secretHeaders'] = Object.fromEntries(names.map((name) => [name, 'mail.headers']))
    })
    const rules = credentialRulesOf('mail', {
      type: 'http',
      url: upstream.url,
      headers: { 'X-Team': 'a' },
      secretHeaders,
    })
    const secret = { Authorization: `Bearer ${canary}`, 'X-Second-Key': `${canary}-2` }
    await home.vault.put('mail.headers', { ...rules, secret })
    await home.open()
    const mail = await client()
    expect(textOf(await mail.call('send', { to: 'bob' }))).toBe('sent to bob, of a')
    expect(new Set(upstream.requests.map(({ second }) => second))).toEqual(new Set([`${canary}-2`]))
    expect(textOf(await mail.call('echo'))).not.toContain(canary)
  })

  it('gets the headers of each protocol version beside the credential [GTW-12] [MCP-28]', async () => {
    await home.open()
    const mail = await client()
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    await mail.ask('tools/call', { name: 'send', arguments: { to: 'bob' }, _meta })
    const sent = upstream.requests.find(({ body }) => body.includes('2026-07-28'))
    expect(sent?.headers).toMatchObject({ 'mcp-method': 'tools/list', authorization: `Bearer ${canary}` })
    const rules = (await home.vault.list()).find(({ name }) => name === 'mail.A')?.rules
    // Every header that the transport sends: others are dropped beside a credential.
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'send', _meta } }
    expect(rules?.headers).toEqual(expect.arrayContaining([...Object.keys(headersOfBody(call)), 'mcp-session-id']))
  })

  it('does not get it for a call that is refused, and no echo of it reaches the client [GTW-12]', async () => {
    await home.open()
    const mail = await client()
    expect(textOf(await mail.call('echo'))).not.toContain(canary)
    const before = upstream.requests.length
    expect(textOf(await mail.call('other'))).toContain('Denied (tool_unknown)')
    expect(upstream.requests.slice(before).filter(({ body }) => body.includes('tools/call'))).toEqual([])
  })

  it('gets more requests than at once one after the other, from a client without a key [GTW-70] [attack 81]', async () => {
    const gateway = await home.open()
    const socket = connect(gateway.place)
    let answers = 0
    socket.on('data', (chunk) => {
      answers += chunk.toString().split('"result"').length - 1
    })
    const version = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } }
    const ask = (id: number, method: string, params: object = {}): boolean =>
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    socket.write('{"procura":1,"server":"mail"}\n')
    ask(0, 'initialize', version)
    await until(() => answers === 1, 20)
    for (let id = 1; id <= 120; id++) {
      ask(id, 'ping')
      if (id % 40 === 0) await until(() => answers === id + 1, 20)
    }
    socket.destroy()
  }, 60_000)

  it('holds up no other session by batches without end [GTW-22] [attack 98]', async () => {
    await home.open()
    const mail = await client()
    const batch = `data: [${'{},'.repeat(50_000)}{}]\n\n`
    let streams = 0
    upstream.stream = (response) => {
      streams++
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const go = (): void => {
        while (!response.destroyed && response.write(batch));
        response.once('drain', go)
      }
      go()
    }
    const other = await client()
    other.write({ jsonrpc: '2.0', method: 'notifications/initialized' })
    for (let count = 0; count < 10; count++)
      expect(textOf(await mail.call('send', { to: 'bob@example.com' }))).toBe('sent to bob@example.com, of a')
    expect(streams).toBeGreaterThan(0)
  }, 60_000)

  it('cannot send it elsewhere by a redirect [GTW-12]', async () => {
    const other = await startUpstream()
    await home.open()
    const mail = await client()
    upstream.redirectTo = other.url
    const answer = await mail.call('send', { to: 'bob' })
    expect(textOf(answer)).not.toContain('sent to')
    expect(other.requests).toEqual([])
    await other.close()
  })

  it('serves several clients at once, each in a session of its own [GTW-30]', async () => {
    const gateway = await home.open()
    const four = await Promise.all([client(), client(), client(), client()])
    const answers = await Promise.all(
      four.flatMap((one, index) => [1, 2, 3].map(() => one.call('send', { to: String(index) }))),
    )
    expect(answers.map(textOf)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3].map((index) => `sent to ${index}, of a`))
    expect((await gateway.health()).sessions).toBe(4)
  })

  it('whose credential may not go there is refused at the start [GTW-12]', async () => {
    await home.vault.put('mail.A', {
      ...credentialRulesOf('mail', {
        type: 'http',
        url: 'https://elsewhere.example/mcp',
        headers: {},
        secretHeaders: { names: ['Authorization'], credential: 'mail.A' },
      }),
      secret: canary,
    })
    await expect(home.open()).rejects.toThrow(/the credential `mail\.A` of the server `mail` may not be sent to http:/)
  })
})

async function startUpstream(): Promise<Upstream> {
  const requests: Upstream['requests'] = []
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const streams = new Map<string, SSEServerTransport>()
  const state: Pick<Upstream, 'redirectTo' | 'stream'> = { redirectTo: undefined, stream: undefined }
  const server: Server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    const { method = '', headers } = request
    requests.push({ method, authorization: headers.authorization, second: headers['x-second-key'], headers, body })
    if (state.redirectTo !== undefined) return void response.writeHead(307, { location: state.redirectTo }).end()
    if (headers.authorization !== `Bearer ${canary}`) return void response.writeHead(401).end()
    const { pathname, searchParams } = new URL(String(request.url), 'http://server')
    if (pathname === '/sse') {
      const made = new SSEServerTransport('/messages', response)
      streams.set(made.sessionId, made)
      return void (await mailServer(String(headers['x-team'])).connect(made as never))
    }
    if (pathname === '/messages')
      return void (await streams
        .get(String(searchParams.get('sessionId')))
        ?.handlePostMessage(request, response, JSON.parse(body)))
    if (method === 'GET' && state.stream !== undefined) return state.stream(response)
    let transport = transports.get(String(headers['mcp-session-id']))
    if (transport === undefined) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => void transports.set(id, made),
      })
      transport = made
      await mailServer(String(headers['x-team'])).connect(made as never)
    }
    await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/mcp`,
    requests,
    endStreams: () => streams.forEach((one) => void one.close()),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

function mailServer(team: string): McpServer {
  const server = new McpServer({ name: 'mail', version: '1' })
  server.registerTool('send', { inputSchema: { to: z.string() } }, async ({ to }) => ({
    content: [{ type: 'text', text: `sent to ${to}, of ${team}` }],
  }))
  server.registerTool('echo', { inputSchema: {} }, async () => ({
    content: [{ type: 'text', text: `the header is Bearer ${canary}` }],
  }))
  return server
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}
