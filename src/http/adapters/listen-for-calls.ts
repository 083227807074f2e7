// node only: listens on sockets
import { createServer, type Server } from 'node:http'
import { constants } from 'node:os'
import process from 'node:process'
import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { startServer } from '../../support/start-server.ts'
import { type CallTaker, type HandlerOptions, handlerChecks, pathValue, readHandlerOptions } from './answer.ts'
import { type NodeOutgoing, respond } from './node-response.ts'

/** A service that {@link listenForCalls} serves; `createService` makes one. */
export interface ListeningService extends CallTaker {
  /** See `Service.health`. Required for `healthAt`. */
  health?(): { readonly healthy: boolean }
  /** See `Service.close`. */
  close(): Promise<void>
}

/** Options of {@link listenForCalls}: those of `nodeHandler`, with a place. */
export interface ListenForCallsOptions extends HandlerOptions {
  /** The port; 0 for any port that is free. */
  readonly port: number
  /** The address. Default `127.0.0.1`, which only this machine reaches. A container needs `0.0.0.0` or `::`. */
  readonly host?: string
  /**
   * A path such as `/health`, at which GET is answered without a container: with 200 while the service is healthy, and with
   * 503 otherwise. Default: all requests need a container.
   */
  readonly healthAt?: string
  /** The signals that close the service. A second one ends the process. Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly string[]
  /** Milliseconds for the requests in progress when the service closes; the others are aborted then. Default 10,000. */
  readonly closeMs?: number
}

/** A service that listens. */
export interface CallListener {
  /** The address, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** The port that is used. */
  readonly port: number
  /**
   * Stops listening, waits for the requests in progress, and closes the service. Rejects with the error of the service after
   * all of it was closed.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves calls in a server of its own, until a signal or `close` ends it: no new connection is accepted, the calls in
 * progress are answered and recorded, and then the service is closed. The process ends by itself when nothing else is in
 * progress. For TLS, or beside other routes, pass `nodeHandler` to a server of your own.
 *
 * @throws ArgumentError when an argument is invalid, or the place cannot be used.
 *
 * @example
 * ```ts
 * import { listenForCalls } from 'procura/http/node'
 *
 * const { url } = await listenForCalls(mailService, { port: 8080, revocationsAt: '/revocations', healthAt: '/health' })
 * ```
 */
export async function listenForCalls(service: ListeningService, options: ListenForCallsOptions): Promise<CallListener> {
  const { port, host, healthAt, closeMs, ...given } = readOptions('listenForCalls', options, checks)
  const { signals: names, ...handling } = given
  // The caller may change its list.
  const signals = new Set(names)
  const checked = readHandlerOptions('listenForCalls', service, handling)
  checkService(service, healthAt, checked.revocationsAt)
  const server = createServer((request, response) => {
    // A connection that is kept alive would last for seconds after its last response.
    response.once('close', () => closing !== undefined && server.closeIdleConnections())
    const isHealth = healthAt !== undefined && request.url?.split('?')[0] === healthAt && request.method === 'GET'
    if (isHealth) answerHealth(service, response)
    else void respond(service, request, response, checked)
  })
  let closing: Promise<void> | undefined
  const place = host.includes(':') ? `[${host}]` : host
  await startServer(server, () => server.listen({ port, host }), `${place}:${port}`, '`port` or `host`')

  function close(): Promise<void> {
    closing ??= end()
    return closing
  }

  /** HTP-44 */
  async function end(): Promise<void> {
    for (const signal of signals) process.off(signal, onSignal)
    await closeServer(server, closeMs)
    await service.close()
  }

  async function onSignal(): Promise<void> {
    try {
      await close()
    } catch (error) {
      process.exitCode = 1
      if (checked.onError === undefined) throw error
      quietly(() => checked.onError?.(error))
    } finally {
      // A channel to a parent process, as a worker of `node:cluster` has one, would keep the process alive. Without the
      // channel, such a worker would end at once, with the exit code 0, in the middle of the calls of another listener.
      process.channel?.unref()
    }
  }

  for (const signal of signals) process.on(signal, onSignal)
  const used = (server.address() as { readonly port: number }).port
  return Object.freeze({ url: `http://${place}:${used}`, port: used, close, [Symbol.asyncDispose]: close })
}

function checkService(
  service: ListeningService,
  healthAt: string | undefined,
  revocationsAt: string | undefined,
): void {
  if (typeof service.close !== 'function')
    throw new ArgumentError('listenForCalls: `service` must be a service, as createService makes it')
  if (healthAt === undefined) return
  if (typeof service.health !== 'function')
    throw new ArgumentError('listenForCalls: `healthAt` requires a service with a method `health`')
  if (healthAt === revocationsAt)
    throw new ArgumentError('listenForCalls: `healthAt` and `revocationsAt` must be different paths')
}

function answerHealth(service: ListeningService, response: NodeOutgoing): void {
  response.statusCode = quietly(() => service.health?.().healthy) === true ? 200 : 503
  response.setHeader('cache-control', 'no-store')
  response.end()
}

/** HTP-44: the requests in progress are answered; those that take longer are aborted with their connection. */
async function closeServer(server: Server, closeMs: number): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), closeMs)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  clearTimeout(timer)
}

/** Of another name, `process` would be silent. */
const signalName: OptionCheck = (value) =>
  typeof value === 'string' && Object.hasOwn(constants.signals, value) && value !== 'SIGKILL' && value !== 'SIGSTOP'
    ? undefined
    : "must be the name of a signal that a process can handle, such as 'SIGTERM'"

const checks = Object.freeze({
  ...handlerChecks,
  port: integerFrom(0, 65_535),
  host: withDefault(nonEmptyString, '127.0.0.1'),
  healthAt: maybe(pathValue),
  signals: withDefault(arrayOf(signalName), Object.freeze(['SIGTERM', 'SIGINT'])),
  closeMs: withDefault(milliseconds, 10_000),
}) satisfies OptionChecks<ListenForCallsOptions>
