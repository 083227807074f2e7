/** Connections between the clients and the servers of both SDKs, over each transport. */
import { PassThrough } from 'node:stream'
import { Client as ClientTwo, StreamableHTTPClientTransport as HttpClientTwo } from '@modelcontextprotocol/client'
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpClientOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as ServerOne } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport as StdioOne } from '@modelcontextprotocol/sdk/server/stdio.js'
import { WebStandardStreamableHTTPServerTransport as HttpServerOne } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  createMcpHandler,
  WebStandardStreamableHTTPServerTransport as HttpServerTwo,
  McpServer as ServerTwo,
} from '@modelcontextprotocol/server'
import { StdioServerTransport as StdioTwo } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'
import { lineTransport } from '../../packages/cli/src/gateway/wire/transport/line-transport.ts'

/** The last argument of a callback, and the first one if the tool has arguments. */
export type Callback = (args: unknown, extra: object) => unknown

/** A tool with a text argument for each name. */
export interface TestTool {
  readonly name: string
  readonly args: readonly string[]
  readonly callback: Callback
}

/** A server of either SDK, and a way to add tools. */
export interface TestServer {
  readonly server: ServerOne | ServerTwo
  register(tool: TestTool): void
}

/** Makes a server of an SDK. */
export function serverOf(sdk: 1 | 2): TestServer {
  const info = { name: 'test', version: '1' }
  const shapeOf = (args: readonly string[]): Record<string, z.ZodString> =>
    Object.fromEntries(args.map((name) => [name, z.string()]))
  if (sdk === 1) {
    const server = new ServerOne(info)
    return {
      server,
      register: ({ name, args, callback }) =>
        void server.registerTool(name, { description: name, inputSchema: shapeOf(args) }, callback as never),
    }
  }
  const server = new ServerTwo(info)
  return {
    server,
    register: ({ name, args, callback }) =>
      void server.registerTool(name, { description: name, inputSchema: z.object(shapeOf(args)) }, callback as never),
  }
}

/** Changes the transport of a client, as `withInvocation` does. */
export type Wrap = <T extends { send(message: never, ...rest: never[]): Promise<void> }>(transport: T) => T

/** The parts of a client that the tests use. */
export interface TestClient {
  call(params: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>
  list(params?: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

export type TransportName = 'memory' | 'http' | 'stdio' | 'http of 2026-07-28'

const same: Wrap = (transport) => transport

/** Versions of the protocol that a client can ask for. The newest has no sessions. */
export type ProtocolVersion = '2025-06-18' | '2025-11-25' | '2026-07-28'

/**
 * Connects a client of an SDK to a server. `build` is called once, or for each request where the protocol has no
 * session.
 */
export async function connect(
  transport: TransportName,
  sdk: { readonly client: 1 | 2; readonly server: 1 | 2 },
  build: () => TestServer,
  wrap: Wrap = same,
): Promise<TestClient> {
  const version = transport === 'http of 2026-07-28' ? '2026-07-28' : '2025-11-25'
  return connectClient(sdk.client, wrap(await openTransport(transport, sdk, build)), version)
}

/** Connects a client of an SDK over a transport. */
export async function connectClient(
  sdk: 1 | 2,
  transport: object,
  version: ProtocolVersion = '2025-11-25',
): Promise<TestClient> {
  const options = version === '2026-07-28' ? { versionNegotiation: { mode: 'auto' as const } } : {}
  const info = { name: 'test', version: '1' }
  const client = sdk === 1 ? new ClientOne(info) : new ClientTwo(info, options)
  await client.connect((version === '2025-06-18' ? asking(transport, version) : transport) as never)
  return {
    call: (params) => client.callTool(params as never) as never,
    list: (params) => client.listTools(params as never) as never,
    close: () => client.close(),
  }
}

/** Asks for an older version than the SDK would. */
function asking(transport: object, protocolVersion: ProtocolVersion): object {
  const open = transport as { send(message: object, ...rest: unknown[]): Promise<void> }
  const send = open.send.bind(open)
  open.send = (message, ...rest) => {
    const { method, params } = message as { readonly method?: string; readonly params?: object }
    return send(method === 'initialize' ? { ...message, params: { ...params, protocolVersion } } : message, ...rest)
  }
  return open
}

/** Both sides of a connection that a server of the test takes itself: the transport of a client, and the other end. */
export async function openPair(
  transport: 'memory' | 'http' | 'stdio',
  sdk: { readonly client: 1 | 2; readonly server: 1 | 2 },
): Promise<readonly [client: object, server: object]> {
  if (transport === 'memory') return InMemoryTransport.createLinkedPair()
  if (transport === 'http') {
    const http = new (sdk.server === 1 ? HttpServerOne : HttpServerTwo)({
      sessionIdGenerator: () => crypto.randomUUID(),
    })
    return [httpClient(sdk.client, (request) => http.handleRequest(request)), http]
  }
  const [up, down] = [new PassThrough(), new PassThrough()]
  return [lines(up, down), lineTransport(up, down)]
}

/** Takes requests of HTTP for a server. Without a version it has sessions. */
export async function serveHttp(
  sdk: 1 | 2,
  build: () => TestServer,
  version?: '2026-07-28',
): Promise<(request: Request) => Promise<Response>> {
  if (version !== undefined) {
    const handler = createMcpHandler(() => build().server as ServerTwo)
    return (request) => handler.fetch(request)
  }
  const http = new (sdk === 1 ? HttpServerOne : HttpServerTwo)({ sessionIdGenerator: () => crypto.randomUUID() })
  await build().server.connect(http as never)
  return (request) => http.handleRequest(request)
}

async function openTransport(
  transport: TransportName,
  sdk: { readonly client: 1 | 2; readonly server: 1 | 2 },
  build: () => TestServer,
): Promise<InMemoryTransport> {
  if (transport === 'http of 2026-07-28')
    return httpClient(sdk.client, await serveHttp(sdk.server, build, '2026-07-28'))
  if (transport === 'http') return httpClient(sdk.client, await serveHttp(sdk.server, build))
  const { server } = build()
  if (transport === 'memory') {
    const [one, other] = InMemoryTransport.createLinkedPair()
    await server.connect(other as never)
    return one
  }
  const [up, down] = [new PassThrough(), new PassThrough()]
  const Stdio = sdk.server === 1 ? StdioOne : StdioTwo
  await server.connect(new Stdio(up, down) as never)
  return lines(up, down) as never
}

function httpClient(sdk: 1 | 2, take: (request: Request) => Promise<Response>): InMemoryTransport {
  const HttpClient = sdk === 1 ? HttpClientOne : HttpClientTwo
  const fetch = (url: string | URL, init?: RequestInit): Promise<Response> => take(new Request(url, init))
  return new HttpClient(new URL('http://service.example/mcp'), { fetch } as never) as never
}

/** The client's side of stdio: JSON in lines. */
function lines(up: PassThrough, down: PassThrough): object {
  let rest = ''
  const transport = {
    onmessage: undefined as ((message: unknown) => void) | undefined,
    onclose: undefined as (() => void) | undefined,
    async start() {
      down.on('data', (chunk: Buffer) => {
        const parts = (rest + chunk.toString()).split('\n')
        rest = parts.pop() ?? ''
        for (const part of parts) transport.onmessage?.(JSON.parse(part))
      })
    },
    async send(message: unknown) {
      up.write(`${JSON.stringify(message)}\n`)
    },
    async close() {
      up.end()
      transport.onclose?.()
    },
  }
  return transport
}
