// node only: serves sockets
/**
 * One session between an agent and a server, over one connection.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import type { DenialSampler } from 'procura/audit'
import { clientClaims, relayTools, type ToolRelay } from 'procura/mcp'
import { atHome } from '../configuration/at-home.ts'
import { lineTransport } from '../wire/transport/line-transport.ts'
import type { McpTransport } from '../wire/transport/mcp-transport.ts'
import { limitServer } from './limit-server.ts'
import { observeTools } from './observe-tools.ts'
import { recordDenials } from './record-denials.ts'
import { type ServerView, viewOf } from './server-view.ts'
import type { GuardedServer, Snapshot } from './snapshot.ts'
import { followLists } from './tools/follow-lists.ts'
import type { FoundTools } from './tools/list-tools.ts'
import { answeringLogin } from './upstream/login-faults.ts'
import { openUpstream, type Upstream } from './upstream/open-upstream.ts'
import { presentOwnCalls } from './upstream/own-calls.ts'
import { whileHeld } from './while-held.ts'

/** A session that is open. */
export interface GatewaySession {
  readonly server: string
  /** The DID of the client, if it has proved its delegation. */
  readonly agent: string | undefined
  /** Resolves when the session has ended and its program with it. */
  readonly closed: Promise<void>
  /**
   * Refuses further calls, and ends the session when the calls in progress have ended, or after so many milliseconds.
   */
  close(options: { readonly graceMs: number }): Promise<void>
  /** The next call of a tool waits for a new list of the server. */
  recheck(): void
  /** Ends the session when its client has lost the right that it has proved. Never rejects. */
  checkHolder(): Promise<void>
}

/**
 * Seconds for which a list of a server counts. A server that changes a tool, announces it to no session, and is asked
 * for its tools by no client gets calls for so long under the accepted definition. GTW-25
 */
const pinsMaxAge = 60

/**
 * Most requests in progress of a session, most characters of its calls, and most bytes that wait for a client that
 * reads slowly. GTW-44
 */
const most = Object.freeze({ maxInProgress: 64, maxCharacters: 8_388_608, maxWaitingBytes: 16_777_216 })

/** Milliseconds for the calls in progress of a client that has lost its right. */
const lostMs = 30_000

/** Options of {@link openGatewaySession}. */
export interface GatewaySessionOptions {
  readonly server: string
  readonly socket: Socket
  /** The present snapshot. It changes with a reload. */
  readonly current: () => Snapshot
  /** Whether calls are decided and recorded only. */
  readonly dryRun: boolean
  /** Selects the refusals of unsigned calls that are recorded. */
  readonly sampler: DenialSampler
  /** The DID of the client, if it has proved its delegation. */
  readonly agent: string | undefined
  /** Whether the client still has the right that it has proved. Undefined when it was asked for no proof. */
  readonly isHeld: (() => Promise<boolean>) | undefined
  /** Resolves when the tools of the server are known, as far as they can be. The first message is read then. */
  readonly met: Promise<void>
  /** Called before the first message is read. */
  readonly onReady: () => void
  /** Notes each list of the tools of the server, before the client gets it. Never rejects. */
  readonly onList: (config: GuardedServer['config'], found: FoundTools) => Promise<void>
  /** Called when the session finds that the tools of the server have changed. */
  readonly onToolsChanged: () => void
  /** Receives the way a program ended that was not ended by the session, and other faults. */
  readonly onFault: (message: string) => void
}

/**
 * Connects the client to its server.
 *
 * @throws UpstreamError when there is no connection to the server.
 */
export async function openGatewaySession(options: GatewaySessionOptions): Promise<GatewaySession> {
  const { server, socket, current, dryRun, sampler, isHeld, met, onReady, onToolsChanged, onFault } = options
  const { maxWaitingBytes } = most
  const begun = current()
  const begunWith = serverIn(begun, server)
  const connected = await openUpstream(server, begunWith.config, presentOwnCalls(current))
  const opened = answersLogin(connected, options, begunWith)
  const transport = followLists(opened.transport, (found) => options.onList(begunWith.config, found))
  const upstream = { ...opened, transport }
  const wire = lineTransport(socket, socket, { answersFaults: true, maxWaitingBytes })
  const held =
    isHeld === undefined
      ? undefined
      : whileHeld(wire, isHeld, () => {
          close({ graceMs: lostMs }).catch(() => undefined)
        })
  const client = recordDenials(limitServer(held?.client ?? wire, begunWith.config.allow ?? []), {
    ...{ server, audience: begun.audience, sink: begun.sink, sampler },
    onError: () => onFault('the refusal of a call could not be recorded'),
  })
  const view = viewOf(server, current, begunWith)
  let isEnding = false
  const leave = (): void => {
    isEnding = true
  }
  socket.once('end', leave).once('error', leave)
  void upstream.ended.then((way) => {
    if (!isEnding) onFault(`its program ended (${way})`)
  })
  onReady()
  // GTW-93: the client would be told that the server has no tools.
  const starting = met.then(() => startRelay(client, upstream, view, { dryRun, onToolsChanged, onFault }))
  const relay = await starting
  // GTW-23: the program ends with its session.
  const closed = relay.closed.then(() => upstream.stop())
  async function close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    view.end()
    isEnding = true
    await (await starting).close({ graceMs })
    await closed
  }
  return {
    server,
    agent: options.agent,
    closed,
    recheck: () => relay.recheck?.(),
    checkHolder: async () => void (await held?.check()),
    close,
  }
}

/** The upstream, whose requests are answered where they need a login. */
function answersLogin(
  upstream: Upstream,
  { current, onList }: GatewaySessionOptions,
  { config }: GuardedServer,
): Upstream {
  const transport = answeringLogin(upstream.transport, ({ message }) => {
    void onList(config, { fault: message })
    return atHome(message, { home: dirname(current().config.path) })
  })
  return { ...upstream, transport }
}

function startRelay(
  client: McpTransport,
  { transport, takesCredential }: Upstream,
  view: ServerView,
  { dryRun, onToolsChanged, onFault }: Pick<GatewaySessionOptions, 'dryRun' | 'onToolsChanged' | 'onFault'>,
): Promise<Pick<ToolRelay, 'closed' | 'close'> & Partial<ToolRelay>> {
  const { maxInProgress, maxCharacters } = most
  const onError = (): void => undefined
  if (dryRun) return observeTools({ client, upstream: transport }, view, onFault)
  return relayTools({ client, upstream: transport }, view.guard, {
    tools: view.commandOf,
    pins: { get: view.pinOf },
    ...{ pinsMaxAge, onToolsChanged, maxInProgress, maxCharacters },
    listing: view.listing,
    passes: view.passes,
    // GTW-41
    claims: clientClaims,
    ...(takesCredential && { perform: (call, send) => send({ fetch: call.fetch }) }),
    onError,
  })
}

function serverIn(snapshot: Snapshot, server: string): GuardedServer {
  const found = snapshot.servers.get(server)
  if (found === undefined) throw new Error('the server is in the configuration')
  return found
}
