// node only: listens on a port
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { startAtAddress } from '#support/start-server.ts'
import { limitConnections } from '../../wire/connection-places.ts'

/** The state of a gateway. */
export interface GatewayHealth {
  /** Whether calls are accepted, decided, recorded and passed on. */
  readonly healthy: boolean
  /** Why not, without text of a server and without names of files. */
  readonly reasons: readonly string[]
  /** Whether calls are decided and recorded only. */
  readonly dryRun: boolean
  /** Sessions that are open. */
  readonly sessions: number
  /** Calls of agents in progress. */
  readonly calls: number
}

/** The second listener of a gateway. */
export interface AdminListener {
  /** The address with the port that is used. */
  readonly place: string
  close(): Promise<void>
}

/** Options of {@link serveAdmin}. */
export interface AdminOptions {
  readonly host: string
  readonly port: number
  readonly health: () => Promise<GatewayHealth>
  readonly metrics: () => string
}

/**
 * A client that sends its request slowly is disconnected after 5 s. Node looks for such clients in the given interval.
 */
const limits = Object.freeze({ requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 })

/** Milliseconds for which an answer about health is used again: each question adds an entry to a store. */
const healthAgeMs = 1_000

/**
 * Serves `/health` and `/metrics` on a loopback address. Nothing can be changed there. GTW-50
 *
 * @throws ArgumentError when the address cannot be used.
 */
export async function serveAdmin({ host, port, health, metrics }: AdminOptions): Promise<AdminListener> {
  const cached = rarely(health)
  const server = createServer(limits, (request, response) => {
    // An error here must not end the gateway: the client gets no answer.
    answer(request, response, cached, metrics).catch(() => void response.destroy())
  })
  limitConnections(server, 32)
  const { place } = await startAtAddress(server, { host, port }, '`admin.address`')
  return {
    place,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  health: () => Promise<GatewayHealth>,
  metrics: () => string,
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      'cache-control': 'no-store',
      'content-type': type,
      'x-content-type-options': 'nosniff',
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  // A page in a browser can make requests to this machine under a name of its own.
  if (!isLoopbackHost(request.headers.host)) return send(421, 'text/plain', 'use the loopback address\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'use GET\n')
  if (request.url === '/metrics') return send(200, 'text/plain; version=0.0.4; charset=utf-8', metrics())
  if (request.url !== '/health') return send(404, 'text/plain', 'use /health or /metrics\n')
  const state = await health()
  return send(state.healthy ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`)
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?$/.test(host)
}

function rarely(health: () => Promise<GatewayHealth>): () => Promise<GatewayHealth> {
  let asked = Number.NEGATIVE_INFINITY
  let answer: Promise<GatewayHealth> | undefined
  return () => {
    if (answer === undefined || performance.now() - asked > healthAgeMs) {
      asked = performance.now()
      answer = health()
    }
    return answer
  }
}
