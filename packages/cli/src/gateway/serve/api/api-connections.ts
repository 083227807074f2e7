// node only: serves sockets
/**
 * The connections of a gateway for APIs. After its first line, a connection has one request of HTTP with the call in a
 * header. The request is bound to the call, and goes to the origin of the API alone. GTW-61
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Authorization } from 'procura'
import type { DenialSampler } from 'procura/audit'
import { bindToRequest } from 'procura/http/binding'
import { nodeHandler } from 'procura/http/node'
import { sleep } from '#support/back-off.ts'
import type { ApiConfig } from '../../configuration/read-gateway-config.ts'
import { connectionPlaces } from '../../wire/connection-places.ts'
import type { OnGatewayEvent } from '../events.ts'
import { createLimiter } from '../limiter.ts'
import type { Snapshots } from '../snapshots.ts'
import { apiCommand } from './api-command.ts'
import { decidingTaker, observingTaker } from './call-taker.ts'
import { longestBody } from './longest-body.ts'
import { recordedRefusals } from './recorded-refusals.ts'

/** Most bytes of the headers: a container has up to 349,529 characters. */
const headerBytes = 524_288
const containerCharacters = 349_529

/** Milliseconds in which a request must have arrived, and for which the rest of a malformed one is read. */
const [requestMs, lingerMs] = [60_000, 1_000]

/** Most requests whose calls are allowed, and most of one agent with the agents below it. GTW-69 */
const most = Object.freeze({ all: 128, ofOne: 64 })

/** The connections for APIs. */
export interface ApiConnections {
  /**
   * Gives a place to a connection until its call is allowed. Returns false if all places have a request that has
   * arrived.
   */
  enter(socket: Socket): boolean
  /** Takes a connection that has a place, and whose first line was read and answered. */
  take(socket: Socket, api: string): void
  /** Waits for the requests in progress for so many milliseconds, and ends them. */
  close(graceMs: number): Promise<void>
}

/** Options of {@link createApiConnections}. */
export interface ApiConnectionsOptions {
  readonly snapshots: Snapshots
  readonly dryRun: boolean
  readonly sampler: DenialSampler
  readonly onEvent: OnGatewayEvent
  /** Most connections whose calls are not decided. */
  readonly mostUndecided: number
}

interface Connection {
  readonly api: string
  readonly config: ApiConfig
  /** Notes that its call is decided, so the request has arrived. */
  readonly begin: () => void
  /** Gives the request a place of its agent, in exchange for the one without a decision. */
  readonly admit: (caller: Pick<Authorization, 'principals'>) => boolean
  /** Ends the place of a request that was answered, when its connection is closed. */
  readonly end: () => void
}

/** Makes the connections for APIs. */
export function createApiConnections(options: ApiConnectionsOptions): ApiConnections {
  const open = new Map<Socket, Connection>()
  const places = connectionPlaces(options.mostUndecided)
  const shares = createLimiter(most)
  const begun = new WeakSet<Duplex>()
  const server = createServer({ maxHeaderSize: headerBytes }, (request, response) => {
    const connection = open.get(request.socket)
    begun.add(request.socket)
    if (connection === undefined) request.socket.destroy()
    else void serve(request, response, connection, options)
  })
  // The connection has one request, so nothing can be smuggled behind it.
  server.maxRequestsPerSocket = 1
  // Bytes behind a request end it: an answer to them could be taken for the response.
  server.on('clientError', (error, socket) => (begun.has(socket) ? socket.destroy() : refuseMalformed(error, socket)))

  return {
    enter: places.take,
    take(socket, api) {
      const config = options.snapshots.current().apis.get(api)
      if (config === undefined) return void socket.destroy()
      const hasClosed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      let leave: (() => void) | undefined
      // GTW-71
      const timer = setTimeout(() => socket.destroy(), requestMs)
      open.set(socket, {
        ...{ api, config },
        begin() {
          clearTimeout(timer)
          places.begin(socket)
        },
        admit({ principals }) {
          // The owner calls without delegations.
          const place = leave ?? shares.take(principals[1] ?? principals[0])
          if (typeof place === 'string') return false
          leave = place
          places.leave(socket)
          return true
        },
        end() {
          // A client that does not read keeps its connection, and so its place.
          if (leave !== undefined) void hasClosed.then(leave)
        },
      })
      socket.once('close', () => {
        clearTimeout(timer)
        open.delete(socket)
      })
      server.emit('connection', socket)
      socket.resume()
    },
    async close(graceMs) {
      const never = new AbortController().signal
      const until = performance.now() + graceMs
      while (open.size > 0 && performance.now() < until) await sleep(20, never)
      for (const socket of open.keys()) socket.destroy()
      server.close()
    },
  }
}

/** Answers bytes that are not a request. */
function refuseMalformed({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (socket.writableEnded) return
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  // A connection that ends with bytes unread is reset, and its client may lose the answer.
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  socket.resume()
}

function faultOf(api: string, message: string, onEvent: OnGatewayEvent): void {
  onEvent({ level: 'warning', event: 'session_fault', api, message: `${api}: ${message}` })
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { api, config, begin, admit, end }: Connection,
  { snapshots, dryRun, sampler, onEvent }: ApiConnectionsOptions,
): Promise<void> {
  response.shouldKeepAlive = false
  const current = snapshots.current()
  const onFault = (message: string): void => faultOf(api, message, onEvent)
  const onError = (): void => onFault('a request failed at the gateway or at the API; its record has the code')
  const taker = dryRun
    ? observingTaker(api, config, snapshots, begin, onFault)
    : decidingTaker(api, config, snapshots, begin, admit)
  const handle = nodeHandler(taker, {
    command: apiCommand(api),
    bind: bindToRequest({ origins: [config.origin], bodyBytes: longestBody }),
    headerCharacters: containerCharacters,
    onError,
  })
  const recording = { audience: current.audience, sink: current.sink, sampler, onError }
  try {
    await handle(request, recordedRefusals(response, taker, apiCommand(api), recording))
  } finally {
    end()
  }
}
