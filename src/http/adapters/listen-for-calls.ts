// node only: listens on sockets
import { createServer } from 'node:http'
import { ArgumentError } from '../../errors.ts'
import { atSignal, endingSignals, signalName } from '../../support/at-signal.ts'
import { serverCloser } from '../../support/close-server.ts'
import {
  arrayOf,
  integerFrom,
  milliseconds,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { startServer } from '../../support/start-server.ts'
import { type CallTaker, type HandlerOptions, handlerChecks, readHandlerOptions } from './answer.ts'
import { respond } from './node-response.ts'

/** A service that {@link listenForCalls} serves; `createService` makes one. */
export interface ListeningService extends CallTaker {
  /** See `Service.close`. */
  close(): Promise<void>
}

/** Options of {@link listenForCalls}: those of `nodeHandler`, with a place. */
export interface ListenForCallsOptions extends HandlerOptions {
  /** The port; 0 for any port that is free. */
  readonly port: number
  /** The address. Default `127.0.0.1`, which only this machine reaches. A container needs `0.0.0.0` or `::`. */
  readonly host?: string
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
   * Stops listening, waits for the requests in progress, and closes the service. Rejects with the error of the service
   * after all of it was closed.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves calls in a server of its own, until a signal or `close` ends it: no new connection is accepted, the calls in
 * progress are answered and recorded, and then the service is closed. The process ends by itself when nothing else is
 * in progress. For TLS, or beside other routes, pass `nodeHandler` to a server of your own.
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
  const { port, host, signals, closeMs, ...handling } = readOptions('listenForCalls', options, checks)
  const checked = readHandlerOptions('listenForCalls', service, handling)
  if (typeof service.close !== 'function')
    throw new ArgumentError('listenForCalls: `service` must be a service, as createService makes it')
  const server = createServer((request, response) => void respond(service, request, response, checked))
  const closeServer = serverCloser(server)
  const place = host.includes(':') ? `[${host}]` : host
  await startServer(server, () => server.listen({ port, host }), `${place}:${port}`, '`port` or `host`')

  /** HTP-44 */
  async function end(): Promise<void> {
    await closeServer(closeMs)
    await service.close()
  }

  const { close } = atSignal(signals, end, checked.onError)
  const used = (server.address() as { readonly port: number }).port
  return Object.freeze({ url: `http://${place}:${used}`, port: used, close, [Symbol.asyncDispose]: close })
}

const checks = Object.freeze({
  ...handlerChecks,
  port: integerFrom(0, 65_535),
  host: withDefault(nonEmptyString, '127.0.0.1'),
  signals: withDefault(arrayOf(signalName), endingSignals),
  closeMs: withDefault(milliseconds, 10_000),
}) satisfies OptionChecks<ListenForCallsOptions>
