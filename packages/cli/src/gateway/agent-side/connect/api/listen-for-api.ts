// node only: listens on sockets
import { setMaxListeners } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { ArgumentError } from 'procura/errors'
import { readOptions } from '#support/options.ts'
import { createSemaphore } from '#support/semaphore.ts'
import { startAtAddress } from '#support/start-server.ts'
import { apiCommand } from '../../../serve/api/api-command.ts'
import { limitConnections } from '../../../wire/connection-places.ts'
import { type ListenerWords, listen } from '../../../wire/listener.ts'
import { type GatewayConnection, readConnection } from '../connection-file.ts'
import { endedWords } from '../ended-authority.ts'
import { followAgentFile } from '../follow-agent-file.ts'
import { GatewayFault, openApiSocket } from '../gateway-socket.ts'
import { proofFor } from '../prove-session.ts'
import { openAgentKey } from '../unlock.ts'
import { type Admission, refusalOf } from './admit-request.ts'
import { isLocalKey, localKey, localKeyPath } from './local-key.ts'
import { type ApiListener, type ListenForApiOptions, listenChecks } from './options.ts'
import { type PassContext, passRequest } from './pass-request.ts'
import { answerProblem } from './problem.ts'

/** Most open connections, most requests that are passed on at a time, and most that wait for their turn. */
const most = Object.freeze({ connections: 512, requests: 32, waiting: 512 })

const words: ListenerWords = Object.freeze({ program: '`procura connect`', option: '`listen`' })

/**
 * Listens for the requests of unchanged HTTP clients, signs each of them with the key of the agent, and passes it on to
 * an API behind the gateway. It decides nothing: the gateway does.
 *
 * A Unix socket is for this user alone. A loopback address can be reached by every process of the machine and by web
 * pages, so each request must contain the key of `local.key` in the folder of the agent, in the place of the API key.
 *
 * @throws ArgumentError when an option is invalid, the place cannot be used, or a gateway that runs has no such API.
 *
 * @example
 * ```ts
 * import { listenForApi } from 'procura-cli'
 *
 * const listener = await listenForApi({ api: 'crm', agent: './agents/assistant', listen: '127.0.0.1:8080' })
 * console.log(listener.place, listener.keyFile)
 * ```
 */
export async function listenForApi(options: ListenForApiOptions): Promise<ApiListener> {
  const given = readOptions('listenForApi', options, listenChecks)
  const { api, agent, listen: place, key, delegationsKey, clientKey: ownKey, approvalWait = 0, clock } = given
  const onFault = given.onFault ?? (() => undefined)
  apiCommand(api)
  const address = /^(127\.0\.0\.1|\[::1\]):(\d{1,5})$/.exec(place)
  if (address === null && !place.includes('/'))
    throw new ArgumentError(
      'listenForApi: `listen` must be a loopback address with a port, such as 127.0.0.1:8080, or the path of a socket, with a slash',
    )
  if (ownKey !== undefined && (address === null || !isLocalKey(ownKey)))
    throw new ArgumentError(
      'listenForApi: `clientKey` must have 43 characters of base64url, and is for a loopback address: a socket has no key',
    )
  const connection = await readConnection(agent)
  const { signer } = await openAgentKey(connection, key)
  const { current, signing, held } = followAgentFile(signer, connection, { clock, delegationsKey })
  await askForApi(connection, api, onFault)
  const clientKey = address === null ? undefined : (ownKey ?? (await localKey(agent)))
  const whole = apiCommand(api)
  const ended = endedWords({ whole, connection, signer, held, clock })
  const reason = await ended()
  if (reason !== undefined) onFault(reason)
  const prover = { server: api, whole, connection, signer, current, ended, clock }
  const approvals = {
    ...{ connection, signer, current, clock, onFault },
    prove: (challenge: string) => proofFor(challenge, prover),
    waitSeconds: approvalWait,
  }
  const context = { api, connection, signing, key: clientKey, onFault, approvals }
  if (address === null) {
    const server = serverFor(context, () => ({ key: undefined, hosts: undefined }))
    const listener = await listen({ socket: place }, (socket) => void server.emit('connection', socket), words)
    return listenerOf(server, listener.place, undefined, listener.close)
  }
  let hosts: ReadonlySet<string> = new Set()
  const server = serverFor(context, () => ({ key: clientKey, hosts }))
  const [, host = '', port = ''] = address
  const local = { host: host.replace(/[[\]]/g, ''), port: Number(port) }
  const { place: used, port: at } = await startAtAddress(server, local, words.option)
  hosts = new Set([`127.0.0.1:${at}`, `[::1]:${at}`, `localhost:${at}`])
  const keyFile = ownKey === undefined ? localKeyPath(agent) : undefined
  return listenerOf(server, used, keyFile, async () => undefined)
}

/**
 * Asks the gateway whether it has the API. A gateway that cannot be asked may be available later: CON-27
 *
 * @throws ArgumentError when the gateway has no such API.
 */
async function askForApi(
  connection: GatewayConnection,
  api: string,
  onFault: (message: string) => void,
): Promise<void> {
  try {
    const { socket } = await openApiSocket(connection, api)
    socket.destroy()
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error
    if (error.code === 'api_unknown') throw new ArgumentError(`listenForApi: \`api\`: ${error.message}`)
    onFault(`${error.message}; until then, requests are answered with 503`)
  }
}

/** Passes requests on, a bounded number at a time. */
function serverFor(context: PassContext, admission: () => Admission): Server {
  const inTurn = createSemaphore({
    running: most.requests,
    waiting: most.waiting,
    refusal: () => new Error('too many requests wait'),
  })
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 60_000 }, (request, response) => {
    const refusal = refusalOf(request, admission())
    if (refusal !== undefined) return answerProblem(response, refusal)
    places.begin(request.socket)
    inTurn(() => passRequest(request, response, leftBy(request.socket), context)).catch(() =>
      answerProblem(response, {
        status: 503,
        code: 'gateway_unavailable',
        detail: `more than ${most.waiting} requests wait for the gateway; send fewer at a time`,
        retryAfter: 1,
      }),
    )
  })
  const places = limitConnections(server, most.connections)
  const leftBy = watchClients(server)
  return server
}

/** Returns the signal of a connection, which is aborted when the connection is closed. */
function watchClients(server: Server): (socket: Socket) => AbortSignal {
  const leaving = new WeakMap<Socket, AbortController>()
  server.on('connection', (socket) => {
    const controller = new AbortController()
    // A client may send many requests at once. Node would warn of more than ten.
    setMaxListeners(0, controller.signal)
    leaving.set(socket, controller)
    socket.once('close', () => controller.abort())
  })
  return (socket) => leaving.get(socket)?.signal ?? AbortSignal.abort()
}

function listenerOf(
  server: Server,
  place: string,
  keyFile: string | undefined,
  closePlace: () => Promise<void>,
): ApiListener {
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  async function close(): Promise<void> {
    await closePlace()
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return Object.freeze({ place, keyFile, close, [Symbol.asyncDispose]: close })
}
