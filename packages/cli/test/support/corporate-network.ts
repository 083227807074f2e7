// node only: listens on sockets
/** A network whose servers are reached through a proxy, and have certificates of its own authority. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))

/** The certificate of the authority. */
export const authority: string = fixture('ca.pem')

/** A proxy that connects, to the server at this machine whatever host is named. */
export interface ConnectProxy {
  readonly port: number
  /** The hosts of its requests, and what it was told. */
  readonly hosts: string[]
  /** All bytes that it got outside of a connection, and in it. */
  readonly seen: () => string
  /** Answers with this status instead of a connection. */
  status: number | undefined
  close(): Promise<void>
}

/** Starts a proxy that connects to a port of this machine. */
export async function startProxy(to: number): Promise<ConnectProxy> {
  const hosts: string[] = []
  const bytes: string[] = []
  const sockets = new Set<Socket>()
  const state: Pick<ConnectProxy, 'status'> = { status: undefined }
  const server = createServer((request, response) => {
    hosts.push(String(request.url))
    response.writeHead(502).end()
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    hosts.push(String(request.url))
    bytes.push(JSON.stringify(request.headers))
    if (state.status !== undefined) return void socket.end(`HTTP/1.1 ${state.status} No\r\n\r\n`)
    const upstream = connect(to, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.on('error', () => one.destroy())
    }
    socket.on('data', (chunk) => bytes.push(chunk.toString('latin1')))
    socket.write('HTTP/1.1 200 Connected\r\n\r\n')
    socket.pipe(upstream).pipe(socket)
  })
  const port = await listen(server)
  return Object.assign(state, {
    ...{ port, hosts, seen: () => bytes.join('') },
    async close() {
      for (const socket of sockets) socket.destroy()
      await end(server)
    },
  })
}

/** A server that records the header `Authorization` of its requests. */
export interface RecordingServer {
  readonly port: number
  readonly authorizations: (string | undefined)[]
  close(): Promise<void>
}

/** Starts an MCP server with a tool, over TLS as `mcp.corp.test` or in the clear. */
export async function startMcpServer(isTls: boolean): Promise<RecordingServer> {
  const authorizations: (string | undefined)[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    authorizations.push(request.headers.authorization)
    if (request.method !== 'POST') return void response.writeHead(405).end()
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { id, method } = JSON.parse(body) as { readonly id?: number; readonly method: string }
    if (id === undefined) return void response.writeHead(202).end()
    const result = results[method] ?? {}
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }
  const files = isTls ? readFileSync(fixture('mcp.corp.test.pem')) : undefined
  const server = files === undefined ? createServer(answer) : createTlsServer({ key: files, cert: files }, answer)
  return { port: await listen(server), authorizations, close: () => end(server) }
}

const results: Readonly<Record<string, object>> = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'mcp', version: '1' } },
  'tools/list': { tools: [{ name: 'send', inputSchema: { type: 'object' } }] },
}

async function listen(server: Server | ReturnType<typeof createTlsServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

function end(server: Server | ReturnType<typeof createTlsServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
