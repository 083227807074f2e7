// node only: handles signals of the process
import process from 'node:process'
import { atSignal, endingSignals, signalName } from '../support/at-signal.ts'
import { type ClosableServer, serverCloser } from '../support/close-server.ts'
import {
  arrayOf,
  callback,
  flag,
  maybe,
  milliseconds,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'

/** Options of {@link closeAtSignal}. */
export interface CloseAtSignalOptions {
  /**
   * The server that is closed first: of `node:http`, `node:https` or `node:http2`, as `app.listen` of Express and
   * `serve` of Hono return it, or the instance of Fastify. Pass it before clients connect: sessions of HTTP/2 and
   * upgraded connections that were open before this call are not ended. Default: there is no server.
   */
  readonly server?: ClosableServer
  /** Whether the end of standard input closes the service too, as for an MCP server at stdio. Default false. */
  readonly stdin?: boolean
  /** The signals that close the service. A second one ends the process. Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly string[]
  /** Milliseconds for the requests in progress when the server closes; the others are aborted then. Default 10,000. */
  readonly closeMs?: number
  /** Receives the error of a service or server that could not be closed at a signal. Default: it ends the process. */
  readonly onError?: (error: unknown) => void
}

/** A service that is closed at a signal. */
export interface ClosingService {
  /** Does the same without a signal. Rejects with the error of the service or server after both were closed. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Closes a service at SIGTERM or SIGINT, after the server of its framework: no new connection is accepted, the calls in
 * progress are answered and recorded, and then the service is closed. The process ends by itself when nothing else is
 * in progress.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { closeAtSignal, expressHandler } from 'procura/http/express'
 *
 * const app = express()
 * app.use('/api', expressHandler(mailService, { healthAt: '/api/health' }))
 * closeAtSignal(mailService, { server: app.listen(8080) })
 * ```
 */
export function closeAtSignal(service: { close(): Promise<void> }, options: CloseAtSignalOptions = {}): ClosingService {
  readOptions('closeAtSignal', { service }, { service: withMethod('close') })
  const { server, stdin, signals, closeMs, onError } = readOptions('closeAtSignal', options, checks)
  const closeServer = server === undefined ? undefined : serverCloser(server)
  const { close, finish } = atSignal(signals, end, onError)
  if (stdin) process.stdin.once('end', finish)

  /** SVC-22 */
  async function end(): Promise<void> {
    if (stdin) process.stdin.off('end', finish)
    try {
      await closeServer?.(closeMs)
    } finally {
      await closeRest()
    }
  }

  async function closeRest(): Promise<void> {
    try {
      await service.close()
    } finally {
      // A client that keeps the pipe open would keep the process.
      if (stdin) process.stdin.unref?.()
    }
  }

  // The end came before.
  if (stdin && process.stdin.readableEnded) void finish()

  return Object.freeze({ close, [Symbol.asyncDispose]: close })
}

/** The application of a framework, such as Express, has no method `close`. */
const closable: OptionCheck = (value) =>
  withMethod('close')(value) === undefined
    ? undefined
    : 'must be the server that `app.listen` of Express or `serve` of Hono returns, or the instance of Fastify'

const checks = Object.freeze({
  server: maybe(closable),
  stdin: withDefault(flag, false),
  signals: withDefault(arrayOf(signalName), endingSignals),
  closeMs: withDefault(milliseconds, 10_000),
  onError: maybe(callback),
}) satisfies OptionChecks<CloseAtSignalOptions>
