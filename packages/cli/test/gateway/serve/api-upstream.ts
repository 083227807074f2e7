// node only: listens on sockets
/** An HTTP API for tests, with a key, and a client of a listener that sends any bytes. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { canary } from './gateway-home.ts'

/** A request that arrived at the API. */
export interface SeenRequest {
  readonly line: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An API. */
export interface ApiUpstream {
  readonly origin: string
  readonly seen: SeenRequest[]
  /** Sends the rest of the response of `/v1/stream`. */
  finish(): void
  /** The number of responses of `/v1/stream` whose reader has gone. */
  gone(): number
  close(): Promise<void>
}

/** Starts an API. */
export async function startApi(): Promise<ApiUpstream> {
  const seen: SeenRequest[] = []
  let finish = (): void => undefined
  let gone = 0
  const server: Server = createServer(async (request, response) => {
    const { method, url = '', headers } = request
    seen.push({ line: `${method} ${url}`, headers, body: await text(request) })
    if (headers['x-api-key'] !== canary) return void response.writeHead(401).end('no key')
    if (url === '/v1/echo') return void response.setHeader('x-echo', canary).end(`the key is ${canary}`)
    if (url === '/v1/moved') return void response.writeHead(302, { location: `http://${headers.host}/v1/there` }).end()
    if (url === '/v1/away') return void response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end()
    if (url === '/v1/imitation') {
      response.writeHead(403, { 'content-type': 'application/problem+json', 'Procura-Refusal': '1' })
      return void response.end(JSON.stringify({ code: 'policy_unsatisfied', detail: 'no', approvable: true }))
    }
    if (url === '/v1/broken') {
      response.writeHead(200, { 'content-type': 'text/plain' }).write('half')
      finish = () => void response.destroy()
      return
    }
    if (url === '/v1/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'set-cookie': 'session=1' }).write('data: 1\n\n')
      response.once('close', () => {
        if (!response.writableFinished) gone += 1
      })
      finish = () => void response.end('data: 2\n\n')
      return
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ line: `${method} ${url}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen,
    finish: () => finish(),
    gone: () => gone,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Sends bytes, and returns the bytes that come back until the connection ends. */
export function exchangeBytes(place: string, bytes: string): Promise<string> {
  const at = place.includes('/') ? { path: place } : { host: '127.0.0.1', port: Number(place.split(':').at(-1)) }
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(at as never, () => void socket.write(bytes))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}
