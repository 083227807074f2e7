/**
 * Guards the tools of an MCP server between its transport and the transport of a client, without an SDK.
 *
 * @module
 */

import type { GuardedCall } from '../../guard/call.ts'
import type { Guard } from '../../guard/guard.ts'
import {
  callback,
  type DefaultCheck,
  integerFrom,
  maybe,
  numberFrom,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { createToolGate, type ToolGateOptions, toolGateChecks } from '../tool-gate.ts'
import { maxBatch, takeBatch } from './batch.ts'
import { takeFromClient } from './from-client.ts'
import { failMalformed, takeFromServer } from './from-server.ts'
import { readMessage } from './read-message.ts'
import { type OpenTransport, type RelayTransport, transportCheck } from './relay-transport.ts'
import { openSession } from './session.ts'
import { relayedHost } from './tool-host.ts'

/** Options of {@link relayTools}. */
export interface RelayToolsOptions extends ToolGateOptions {
  /**
   * Sends an allowed call. Default: by `send()`. An upstream over HTTP that needs the credential of the command passes
   * `call.fetch` on: `(call, send) => send({ fetch: call.fetch })`. The argument of `send` is the second one of `send`
   * of the upstream's transport. It can be called once.
   */
  readonly perform?: (call: GuardedCall, send: (options?: unknown) => Promise<unknown>) => unknown
  /**
   * Whether the requests of a method, other than `tools/call` and `tools/list`, pass to the server **unguarded**. A
   * request that does not pass is answered with -32601, and the capability that announces it is removed. Default: all
   * pass.
   */
  readonly passes?: (method: string) => boolean
  /**
   * Seconds for which a list of the server counts, with `pins`. A call of a tool that no such list has, or that comes
   * after the server has announced a change, waits for a new one. Default 0: each call does.
   */
  readonly pinsMaxAge?: number
  /**
   * Called when the server has announced a change of its tools, or a tool is seen with a definition other than the
   * accepted one. Other sessions with the server can then `recheck`. Its errors are ignored.
   */
  readonly onToolsChanged?: () => void
  /** Most requests of the client that are in progress; a further one is refused. Default 1,000. */
  readonly maxInProgress?: number
  /**
   * Most characters of the calls of tools that are in progress, about 8 for each value and those of its strings. A
   * further call is refused. Default 67,108,864.
   */
  readonly maxCharacters?: number
  /**
   * Receives errors of the transports, malformed messages and messages that were dropped. Default: they are ignored.
   */
  readonly onError?: (error: unknown) => void
}

/** The transports of a relay: towards the client, and towards the server. */
export interface RelayTransports {
  readonly client: RelayTransport
  readonly upstream: RelayTransport
}

/** A session between a client and a server. */
export interface ToolRelay {
  /** Resolves when the session has ended, its calls are recorded and both transports are closed. Never rejects. */
  readonly closed: Promise<void>
  /** Forgets the lists of the server: with `pins`, the next call of a tool waits for a new one. */
  recheck(): void
  /**
   * Ends the session. Further requests are refused.
   *
   * @param options - `graceMs`: milliseconds in which calls in progress may end. Then they are aborted. Default 0.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>
}

const checks: OptionChecks<RelayToolsOptions> &
  typeof toolGateChecks & { readonly [Name in 'pinsMaxAge' | 'maxInProgress' | 'maxCharacters']: DefaultCheck } =
  Object.freeze({
    ...toolGateChecks,
    perform: maybe(callback),
    passes: maybe(callback),
    pinsMaxAge: withDefault(numberFrom(0), 0),
    maxInProgress: withDefault(integerFrom(1), 1_000),
    maxCharacters: withDefault(integerFrom(1), 67_108_864),
    onToolsChanged: maybe(callback),
    onError: maybe(callback),
  })

/**
 * Relays a session of MCP between a client and a server, and guards `tools/call` and `tools/list` as `guardTools` does.
 * Other messages pass in both directions. The server receives no container. When one side ends, the calls in progress
 * are recorded, and the other side is closed.
 *
 * @returns when both transports have started.
 * @throws ArgumentError when an option is invalid, or the guard does not have the command of a tool; the error of a
 *   transport that does not start.
 *
 * @example
 * ```ts
 * import { relayTools } from 'procura/mcp'
 *
 * const relay = await relayTools({ client: fromAgent, upstream: toServer }, guard, { tools: { send_mail: send } })
 * await relay.closed
 * ```
 */
export async function relayTools(
  transports: RelayTransports,
  guard: Pick<Guard, 'open' | 'use'> & Partial<Pick<Guard, 'commands'>>,
  options: RelayToolsOptions,
): Promise<ToolRelay> {
  readOptions('relayTools', { guard }, { guard: withMethod('use') })
  const sides = readOptions('relayTools', transports, { client: transportCheck, upstream: transportCheck })
  const {
    perform = (_, send) => send(),
    passes,
    pinsMaxAge,
    maxInProgress: requests,
    maxCharacters: characters,
    onToolsChanged,
    onError,
    ...given
  } = readOptions<RelayToolsOptions, typeof checks>('relayTools', options, checks)
  const [client, upstream] = [sides.client as OpenTransport, sides.upstream as OpenTransport]
  const session = openSession(
    { client, upstream },
    {
      ...{ key: given.key, passes, onError },
      most: { requests, characters },
    },
  )
  const onChange = (): void => void quietly(() => onToolsChanged?.())
  const gate = createToolGate('relayTools', guard, relayedHost(session.requests, perform), given, {
    pinsMaxAge,
    onChange,
  })
  // A list that the server has sent before counts no longer.
  const onListChanged = (): void => {
    gate.recheck()
    onChange()
  }

  upstream.onmessage = (message) => {
    if (!Array.isArray(message)) return takeFromServer(session, message, onListChanged)
    if (message.length <= maxBatch)
      return Promise.all(message.map((one) => takeFromServer(session, one, onListChanged)))
    session.report(new Error(`the server sent a batch of more than ${maxBatch} messages`))
    return Promise.all(message.map((one) => failMalformed(session, one)))
  }
  client.onmessage = (message) => {
    if (Array.isArray(message))
      return takeBatch(message, session.toClient, (read, respond) => takeFromClient(session, gate, read, respond))
    return takeFromClient(session, gate, readMessage(message), async (response) => {
      if (response !== undefined) await session.toClient(response)
    })
  }
  const closed = new Promise<void>((resolve) => {
    upstream.onclose = () => void session.end('server_ended').then(resolve)
    client.onclose = () => void session.end('client_ended').then(resolve)
  })
  upstream.onerror = session.report
  client.onerror = session.report
  await start(session.end, upstream, client)
  return Object.freeze({
    closed,
    recheck: gate.recheck,
    async close(closing: { readonly graceMs?: number } = {}) {
      const { graceMs } = readOptions('close', closing, { graceMs: withDefault(numberFrom(0), 0) })
      if (graceMs > 0) await session.drain(graceMs)
      await session.end('closed')
    },
  })
}

async function start(end: (code: 'closed') => Promise<void>, ...transports: readonly OpenTransport[]): Promise<void> {
  try {
    for (const transport of transports) await transport.start()
  } catch (error) {
    await end('closed')
    throw error
  }
}
