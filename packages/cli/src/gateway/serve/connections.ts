// node only: serves sockets
/**
 * The connections of a gateway: the first line of each, and the sessions.
 *
 * @module
 */

import type { Socket } from 'node:net'
import type { Signer } from 'procura'
import { type DenialSampler, sampleDenials } from 'procura/audit'
import { quote } from '#support/quote.ts'
import { type ConnectionPlaces, connectionPlaces } from '../wire/connection-places.ts'
import { endWith, type HelloError, readHello } from '../wire/hello.ts'
import { type AdmittedSession, admitSession, type SessionRefusal, sessionLimiter } from './admit-session.ts'
import { type ApiConnections, createApiConnections } from './api/api-connections.ts'
import { needOf } from './approvals/approval-need.ts'
import type { ApprovalQueue, WantedCall } from './approvals/approval-queue.ts'
import { serveApprovals } from './approvals/serve-approvals.ts'
import type { GatewayEvent, OnGatewayEvent } from './events.ts'
import { createLimiter } from './limiter.ts'
import { recordOmitted, recordRefusal } from './record-denials.ts'
import { revocationReceipt } from './revocation-receipt.ts'
import { type GatewaySession, type GatewaySessionOptions, openGatewaySession } from './session.ts'
import { askProof, serverPlace } from './session-proof.ts'
import type { Snapshots } from './snapshots.ts'
import { successorProof } from './successor-proof.ts'
import { UpstreamError } from './upstream/upstream-error.ts'

/**
 * Most open connections; most requests to APIs without a decision, because each can have a body; most conversations
 * about approvals, and as many that wait for answers; and most waits of one agent. Together with the sessions and the
 * decided requests, they leave connections for first lines. GTW-22
 */
const most = Object.freeze({ connections: 384, requests: 64, approvals: 32, waitsOfOne: 8 })

/**
 * How fast an agent that has proved its delegation begins to ask for approvals: each request that it hands in is
 * remembered until it has expired.
 */
const asking = Object.freeze({ atOnce: 100, eachMs: 1_000 })

/** Milliseconds for the first line. */
const helloMs = 5_000

/** Milliseconds for the calls of a session whose server has changed. */
const changeMs = 30_000

/** A session that is open. */
export interface OpenSession {
  readonly server: string
  /** The DID of the agent, where it has proved its delegation. */
  readonly agent?: string
}

/** The side of a gateway that agents see. */
export interface Connections {
  /** Takes a connection. */
  readonly take: (socket: Socket) => void
  /** The open sessions. */
  sessions(): readonly OpenSession[]
  /** Ends the sessions with some servers, after the calls in progress. Resolves at once. */
  endSessions(servers: readonly string[]): Promise<void>
  /** Each session asks its server for the tools before its next call. */
  recheck(): void
  /** Accepts no more connections, and ends all sessions. */
  close(): Promise<void>
}

/** Options of {@link createConnections}. */
export interface ConnectionsOptions {
  readonly snapshots: Snapshots
  /** Signers of the earlier keys of the gateway. */
  readonly previous: readonly Signer[]
  readonly queue: ApprovalQueue
  /** The address of the page for approvals, if there is one. */
  readonly page: string | undefined
  readonly dryRun: boolean
  /** Whether a session begins with a proof: where any process can connect. */
  readonly needsProof: boolean
  readonly stopMs: number
  readonly onEvent: OnGatewayEvent
}

/** Makes the connections. */
export function createConnections(options: ConnectionsOptions): Connections {
  const { snapshots, dryRun, needsProof, stopMs, onEvent } = options
  const places = connectionPlaces(most.connections)
  const open = new Set<GatewaySession>()
  const opening = new Set<Promise<void>>()
  const sampler = sampleDenials()
  const apis = createApiConnections({ snapshots, dryRun, sampler, onEvent, mostUndecided: most.requests })
  const sessions = sessionLimiter(!needsProof)
  const [takeApprovals, checkHolders] = [approvalsTaker(options), holdersCheck(open)]
  let isClosing = false

  function take(socket: Socket): void {
    // A client that leaves is reported by the end of the stream.
    socket.on('error', () => undefined)
    const fault = isClosing ? closing : places.take(socket) ? undefined : tooMany
    if (fault !== undefined) return void endWith(socket, { error: fault })
    const work = serve(socket)
      .catch(() => void socket.destroy())
      .finally(() => opening.delete(work))
    opening.add(work)
  }

  async function serve(socket: Socket): Promise<void> {
    const hello = await readHello(socket, helloMs)
    if ('code' in hello) return refuse(socket, hello, onEvent)
    if (isClosing) return refuse(socket, closing, onEvent)
    if ('approvals' in hello) return takeApprovals(socket, hello.approvals, places)
    if (!('server' in hello)) places.begin(socket)
    if ('revoke' in hello) return takeRevocation(socket, hello.revoke, options, checkHolders)
    if ('successor' in hello) return answerSuccessor(socket, hello.successor, options)
    if ('api' in hello) return takeRequest(socket, hello.api, apis, snapshots, onEvent)
    const { server } = hello
    if (!snapshots.current().servers.has(server)) return refuse(socket, unknown(server, snapshots), onEvent)
    const ending = (): HelloError | undefined => (isClosing ? closing : undefined)
    const admitted = await admitSession(socket, server, { sessions, needsProof, current: snapshots.current, ending })
    if ('fault' in admitted) return refuseSession(socket, admitted, server, options, sampler)
    places.begin(socket)
    try {
      const session = await begin(socket, server, admitted)
      void session.closed.then(admitted.leave)
    } catch (error) {
      admitted.leave()
      if (!(error instanceof UpstreamError)) throw error
      refuse(socket, error, onEvent, { server })
    }
  }

  async function begin(socket: Socket, server: string, { isHeld, agent }: AdmittedSession): Promise<GatewaySession> {
    // A change that one session finds counts for the others at once: they look again before their next call.
    let own: GatewaySession | undefined
    const onToolsChanged = (): void => recheckOthers(open, server, own)
    const given = { dryRun, sampler, agent, isHeld, onToolsChanged }
    const session = await openSession(socket, server, { snapshots, onEvent, ...given })
    own = session
    follow(session, open, onEvent)
    if (isClosing) await session.close({ graceMs: 0 })
    return session
  }

  return {
    take,
    sessions: () => [...open].map(sessionOf),
    recheck() {
      for (const session of open) session.recheck()
    },
    async endSessions(servers) {
      for (const session of open) if (servers.includes(session.server)) void session.close({ graceMs: changeMs })
    },
    async close() {
      // GTW-35: calls in progress end and are recorded, within a bounded time.
      isClosing = true
      // Also those that are still in their first line, or whose program is starting.
      await Promise.all([apis.close(stopMs), ...[...open].map((session) => session.close({ graceMs: stopMs }))])
      for (const socket of places.open) socket.destroy()
      await Promise.all([...opening, ...[...open].map(({ closed }) => closed)])
      await recordOmitted(sampler, snapshots.current().sink, true)
    },
  }
}

function recheckOthers(open: Iterable<GatewaySession>, server: string, own: GatewaySession | undefined): void {
  for (const other of open) if (other !== own && other.server === server) other.recheck()
}

/** A refusal for want of a place is on record: the agent, or another one, has too many. */
async function refuseSession(
  socket: Socket,
  { fault, invoker }: SessionRefusal,
  server: string,
  { snapshots, onEvent }: ConnectionsOptions,
  sampler: DenialSampler,
): Promise<void> {
  refuse(socket, fault, onEvent, { server })
  if (fault.code !== 'too_many') return
  const { audience, sink } = snapshots.current()
  const onError = (): void => sessionFault(onEvent, server, 'the refusal of a session could not be recorded')
  const facts = { code: 'overloaded', requirement: 'GTW-26', command: serverPlace(server).whole }
  await recordRefusal({ audience, sink, sampler, onError }, { ...facts, ...(invoker !== undefined && { invoker }) })
}

function sessionOf({ server, agent }: GatewaySession): OpenSession {
  return { server, ...(agent !== undefined && { agent }) }
}

/** Keeps a session in the list while it is open. */
function follow(session: GatewaySession, open: Set<GatewaySession>, onEvent: OnGatewayEvent): void {
  const { server } = session
  open.add(session)
  onEvent({ level: 'info', event: 'session_opened', server, message: `a session with ${quote(server)} began` })
  void session.closed.then(() => {
    open.delete(session)
    onEvent({ level: 'info', event: 'session_closed', server, message: `a session with ${quote(server)} ended` })
  })
}

/** Checks the clients of all sessions: one round at a time, and one more after the last of many revocations. */
function holdersCheck(open: ReadonlySet<GatewaySession>): () => void {
  let [isRunning, isWanted] = [false, false]
  const run = async (): Promise<void> => {
    isRunning = true
    while (isWanted) {
      isWanted = false
      for (const session of open) await session.checkHolder()
    }
    isRunning = false
  }
  return () => {
    isWanted = true
    if (!isRunning) void run()
  }
}

/** Takes the requests of agents for approvals, of a bounded number of connections at a time. */
function approvalsTaker({
  snapshots,
  queue,
  page,
  needsProof,
  onEvent,
}: ConnectionsOptions): (
  socket: Socket,
  wanted: { readonly command: string; readonly subject: string },
  places: ConnectionPlaces,
) => Promise<void> {
  const conversations = connectionPlaces(most.approvals)
  const waits = createLimiter({ all: most.approvals, ofOne: most.waitsOfOne })
  const begun = createLimiter({ all: most.connections, ofOne: most.connections, rate: asking })
  return async (socket, wanted, places) => {
    const { audience: service, browsers } = snapshots.current()
    const need = needOf(snapshots.current(), wanted)
    if ('code' in need) return refuse(socket, need, onEvent)
    // A stranger would use up the places of the requests, and the patience of the approver.
    const proof = needsProof ? await askProof(socket, need, snapshots.current) : undefined
    if (proof !== undefined && 'code' in proof) return refuse(socket, proof, onEvent)
    const place = proof === undefined ? undefined : begun.take(proof.firstAgent)
    if (typeof place === 'string') return refuse(socket, tooFast, onEvent)
    place?.()
    if (!conversations.take(socket)) return refuse(socket, tooMany, onEvent)
    places.begin(socket)
    const call = { service, ...wanted, ...proof } as WantedCall
    const isEnrolled = browsers.some((one) => need.approvers.includes(one))
    await serveApprovals(socket, { queue, call, need, page, isEnrolled, waits, places: conversations })
  }
}

function openSession(
  socket: Socket,
  server: string,
  {
    snapshots,
    onEvent,
    ...own
  }: Pick<ConnectionsOptions, 'snapshots' | 'onEvent'> &
    Pick<GatewaySessionOptions, 'dryRun' | 'sampler' | 'agent' | 'isHeld' | 'onToolsChanged'>,
): Promise<GatewaySession> {
  return openGatewaySession({
    ...{ server, socket, ...own, current: snapshots.current, met: snapshots.met(server) },
    onList: (...seen) => snapshots.seen(server, ...seen),
    onFault: (message) => sessionFault(onEvent, server, `${quote(server)}: ${message}`),
    onReady() {
      const { audience } = snapshots.current()
      socket.write(`${JSON.stringify({ procura: 1, audience })}\n`)
    },
  })
}

function sessionFault(onEvent: OnGatewayEvent, server: string, message: string): void {
  onEvent({ level: 'warning', event: 'session_fault', server, message })
}

function refuse(
  socket: Socket,
  { code, message }: HelloError,
  onEvent: OnGatewayEvent,
  about: Pick<GatewayEvent, 'server' | 'api'> = {},
): void {
  endWith(socket, { error: { code, message } })
  onEvent({ level: 'warning', event: 'session_refused', ...about, message: `refused a connection (${code})` })
}

function takeRequest(
  socket: Socket,
  api: string,
  apis: ApiConnections,
  snapshots: Snapshots,
  onEvent: OnGatewayEvent,
): void {
  const { apis: known, audience } = snapshots.current()
  const config = known.get(api)
  if (config === undefined) return void refuse(socket, unknownApi(api, snapshots), onEvent)
  if (!apis.enter(socket)) return void refuse(socket, tooMany, onEvent, { api })
  socket.write(`${JSON.stringify({ procura: 1, audience, origin: config.origin })}\n`)
  apis.take(socket, api)
}

async function takeRevocation(
  socket: Socket,
  container: string,
  { snapshots, dryRun, onEvent }: ConnectionsOptions,
  onTaken: () => void,
): Promise<void> {
  const { service, signer } = snapshots.current()
  const result = await service.revoke(container)
  if (!result.accepted) {
    const { code, message } = result.denial
    return refuse(socket, { code: 'revocation_refused', message: `${message} (${code})` }, onEvent)
  }
  onTaken()
  const { revoked, recorded } = result
  const mode = dryRun && { dryRun }
  endWith(socket, { revoked, recorded, ...mode, receipt: await revocationReceipt(signer, container, revoked) })
  onEvent({ level: 'info', event: 'revoked', message: `the delegation ${revoked} is revoked` })
}

async function answerSuccessor(
  socket: Socket,
  former: string,
  { snapshots, previous, onEvent }: ConnectionsOptions,
): Promise<void> {
  const { audience } = snapshots.current()
  const proof = await successorProof(former, audience, previous)
  if ('code' in proof) return refuse(socket, proof, onEvent)
  endWith(socket, { audience, ...proof })
}

const closing: HelloError = Object.freeze({ code: 'closing', message: 'the gateway is ending; connect again later' })

const tooMany: HelloError = Object.freeze({
  code: 'too_many',
  message: `the gateway has ${most.requests} requests to APIs without a decision, ${most.approvals} requests for approvals or ${most.connections} connections; close some of them`,
})

const tooFast: HelloError = Object.freeze({
  code: 'too_many',
  message: `this agent, together with the agents below it, asks for approvals too fast: ${asking.atOnce} times at once, and then once in each second; ask later`,
})

/** The usual cause: `wrap` or `api add` changed the configuration of a gateway that runs. */
const reloading = 'a changed configuration takes effect at `procura reload`, or when `procura serve` starts again'

function unknown(server: string, snapshots: Snapshots): HelloError {
  const names = [...snapshots.current().servers.keys()].map((name) => quote(name))
  return {
    code: 'server_unknown',
    message: `the gateway has no server ${quote(server)}; it has ${names.join(', ') || 'none'}; ${reloading}`,
  }
}

function unknownApi(api: string, snapshots: Snapshots): HelloError {
  const names = [...snapshots.current().apis.keys()].map((name) => quote(name))
  return {
    code: 'api_unknown',
    message: `the gateway has no API ${quote(api)}; it has ${names.join(', ') || 'none'}; ${reloading}`,
  }
}
