// node only: connects to a socket

import { quietly } from '#support/quietly.ts'
import { atHome } from '../../configuration/at-home.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import {
  type ClientCall,
  type Failure,
  isApprovable,
  isOfChangedTool,
  type Message,
  type RefusedAnswer,
  withText,
} from './answers.ts'
import type { ApprovedCalls } from './approved-calls.ts'
import { type GatewayConnection, readConnection } from './connection-file.ts'
import { createElicitations, type Elicitations, withoutAnswer } from './elicitations.ts'
import { type EndedWords, openingMethods, withEndedWords } from './ended-authority.ts'
import {
  ConnectionEnded,
  GatewayAbsent,
  GatewayFault,
  type GatewaySocket,
  openGatewaySocket,
} from './gateway-socket.ts'
import { acceptStep } from './next-step.ts'
import { openSigning, type Signing, type Wire } from './open-signing.ts'
import type { ConnectToGatewayOptions, Write } from './options.ts'
import { createOwnRequests, type OwnRequests } from './own-requests.ts'
import { createRequests, type PendingRequest, type Requests } from './requests.ts'
import type { SeenServer } from './seen-server.ts'
import type { ServerRequests } from './server-requests.ts'

/** A session of MCP with one server behind the gateway. */
export interface Session {
  /** Why it cannot be used; undefined while it can. */
  fault(): Failure | undefined
  /** Sends a message of the client. Requests that cannot be sent are answered. */
  send(message: Message, line: string | undefined): Promise<void>
  /**
   * Begins the session in the place of the client, with the request `initialize` of its earlier one.
   *
   * @throws GatewayFault when the server does not begin it.
   */
  begin(initialize: Message): Promise<void>
  /**
   * Asks the server for its tools in the place of the client.
   *
   * @throws GatewayFault when it does not list them.
   */
  tools(): Promise<readonly unknown[]>
  /** Waits until no request is under way, at most so many milliseconds. */
  finish(mostMs: number): Promise<void>
  close(): Promise<void>
}

/** The parts that the sessions of one client share. */
export interface SharedParts {
  /** Writes for the client. */
  readonly write: Write
  readonly onFault: (message: string) => void
  readonly seen: SeenServer
  readonly asked: ServerRequests
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal
}

/** Opens a session, or reports by `fault` why it cannot be used. */
export async function openSession(options: ConnectToGatewayOptions, shared: SharedParts): Promise<Session> {
  const { write, onFault } = shared
  let connection: GatewayConnection | undefined
  try {
    const { agent, server, clock, delegationsKey, approvalWait: waitSeconds = 0 } = options
    const found = await readConnection(agent)
    connection = found
    // The list of the tools that an agent may call shows its authority.
    if (delegationsKey !== undefined || found.unlock?.delegations !== undefined) shared.seen.keepNothing()
    let opening: Promise<Signing> | undefined
    const open = (): Promise<Signing> => (opening ??= openSigning(options, found))
    const prove = async (challenge: string): Promise<object> => (await open()).prove(challenge)
    const socket = await openGatewaySocket(found, { server }, prove, () => {
      // The gateway starts the server meanwhile.
      open().catch(() => undefined)
    })
    const signing = await open().catch((error) => {
      socket.close()
      throw error
    })
    const elicitations = createElicitations(write)
    const approved = signing.approvedCalls({
      ...{ clock, waitSeconds, onFault, elicitor: elicitations.current },
      notify: (message) => write(JSON.stringify(message)),
    })
    const { sign, ended } = signing
    return startSession({ ...shared, connection: found, server, socket, sign, ended, approved, elicitations })
  } catch (error) {
    const message = atHome(error instanceof Error ? error.message : 'unknown error', connection ?? {})
    onFault(message)
    return failedSession({ code: 'gateway_unavailable', message, ...(isAbsent(error) && { isAbsent: true }) })
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof GatewayAbsent || (error instanceof GatewayFault && error.code === 'closing')
}

/** A session that cannot be used. */
export function failedSession(failure: Failure): Session {
  const nothing = async (): Promise<void> => undefined
  const never = async (): Promise<never> => {
    throw new GatewayFault(failure.message)
  }
  return { fault: () => failure, send: nothing, begin: never, tools: never, finish: nothing, close: nothing }
}

const lostMessage =
  'the connection to the gateway ended before this request was answered; repeat it, and if the gateway does not run, start it with `procura start`'

const unknownOutcome: Failure = Object.freeze({
  code: 'outcome_unknown',
  message:
    'the connection to the gateway ended during this call, which may have been executed; find out whether it was before you repeat it',
})

interface SessionParts extends SharedParts {
  readonly connection: GatewayConnection
  readonly socket: GatewaySocket
  readonly server: string
  readonly sign: (wire: Wire) => Wire
  readonly ended: EndedWords
  readonly approved: ApprovedCalls
  readonly elicitations: Elicitations
}

/** What a session knows of the requests under way. */
interface UnderWay {
  readonly requests: Requests
  /** Requests in the place of the client. */
  readonly own: OwnRequests
  /** Calls of tools without an answer, by their id. */
  readonly calls: Map<unknown, ClientCall>
  /** Requests of the client whose answers are noted or changed. */
  readonly noted: Map<unknown, Message>
  readonly lost: Failure
  isClosed: boolean
}

function startSession(parts: SessionParts): Session {
  const { connection, socket, sign, write, onFault, approved, elicitations, asked, seen, gone } = parts
  const requests = createRequests(write)
  const lost: Failure = { code: 'gateway_unavailable', message: atHome(lostMessage, connection) }
  const wire = sign({
    async send(message) {
      if (socket.isEnded()) throw new ConnectionEnded()
      requests.markSent(message.id)
      await socket.send(JSON.stringify(message))
    },
    onmessage(message) {
      if (!own.take(message) && requests.settle(message.id)) void write(JSON.stringify(message))
    },
  })
  const own = createOwnRequests((message) => wire.send(message))
  const under: UnderWay = { requests, own, lost, calls: new Map(), noted: new Map(), isClosed: false }
  let failure: Failure | undefined
  // Its calls may wait for approvals when another session has taken its place.
  gone.addEventListener('abort', approved.close, { once: true })

  const ended = receive(parts, under)
    .catch(() => undefined)
    .then(async () => {
      socket.close()
      failure = lost
      own.end()
      // Before anything is waited for: the next session may begin meanwhile.
      const unanswered = asked.lose()
      if (!under.isClosed) onFault(lost.message)
      await requests.failAll((request) => lostDuring(request, lost))
      for (const requestId of unanswered) {
        const params = { requestId, reason: 'the session of the server has ended' }
        await write(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }))
      }
    })

  return {
    fault: () => failure,
    send: (message, line) => sendFromClient(message, line, { ...parts, ...under, wire }),
    async begin(initialize) {
      elicitations.take(initialize)
      seen.note(initialize, { result: await own.begin(initialize.params) } as Message)
    },
    tools: own.tools,
    finish: async (mostMs) => (failure === undefined ? requests.finish(mostMs) : undefined),
    async close() {
      // The client is gone: requests under way are not answered.
      under.isClosed = true
      approved.close()
      requests.forget()
      socket.close()
      await ended
    },
  }
}

/** Takes the lines of the gateway until its connection ends, or a line is not what a gateway sends. */
async function receive(parts: SessionParts, under: UnderWay): Promise<void> {
  const { socket, write, seen } = parts
  const { requests, own, calls, noted, lost } = under
  for await (const line of socket.lines) {
    const messages = typeof line === 'string' ? messagesIn(line) : undefined
    // The gateway sends JSON in lines of the permitted length, or it is broken.
    if (messages === undefined) break
    const kept = withoutMixed(messages, parts)
    const answers = kept.filter(({ method }) => method === undefined)
    const [given] = answers
    for (const { id } of answers) requests.settle(id)
    const call = calls.get(given?.id)
    const request = noted.get(given?.id)
    for (const { id } of answers) {
      calls.delete(id)
      noted.delete(id)
    }
    if (given !== undefined && own.take(given)) continue
    // What is noted is shown later, so it has no reason of this moment.
    const known = given !== undefined && request !== undefined ? seen.note(request, given) : given
    const first = known && ((await explained(known, call, openingMethods.has(request?.method), parts)) ?? known)
    if (call !== undefined && isApprovable(first))
      void settle(call, first, { ...parts, requests, lost, calls, isClosed: () => under.isClosed })
    else if (first !== given) await write(JSON.stringify(first))
    else if (kept.length === messages.length) await write(line as string)
    else for (const message of kept) await write(JSON.stringify(message))
  }
}

/** The messages without requests of the server that the client would mistake for those of an earlier session. */
function withoutMixed(
  messages: readonly Message[],
  { asked, socket }: Pick<SessionParts, 'asked' | 'socket'>,
): readonly Message[] {
  const kept: Message[] = []
  for (const message of messages) {
    const { id, method, params } = message
    if (method === 'notifications/cancelled') asked.cancel(Object(params).requestId)
    if (method === undefined || id === undefined || asked.ask(id)) kept.push(message)
    else {
      const error = { code: -32_603, message: 'the client still has a request with this id of an earlier session' }
      // It is not waited for: a gateway that does not read would hold this side.
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, error })).catch(() => undefined)
    }
  }
  return kept
}

interface Sending extends SessionParts, UnderWay {
  readonly wire: Wire
}

async function sendFromClient(message: Message, line: string | undefined, parts: Sending): Promise<void> {
  const { elicitations, calls, noted, approved, requests, wire, socket, lost } = parts
  const { id, method, params } = message
  if (elicitations.take(message)) return
  if (method === 'notifications/cancelled') {
    const { requestId } = Object(params) as { readonly requestId?: unknown }
    calls.delete(requestId)
    if (approved.cancel(requestId)) return
  }
  if (typeof method === 'string' && id !== undefined) requests.begin(id, method)
  if (method === 'tools/call') calls.set(id, message as ClientCall)
  if (openingMethods.has(method) || method === 'tools/list') noted.set(id, message)
  try {
    if (method === 'tools/call') return await wire.send(withoutAnswer(message as ClientCall))
    if (method === 'tools/list') return await wire.send(message)
    await socket.send(line ?? JSON.stringify(message))
  } catch (error) {
    await requests.fail(id, (request) => whyNot(error, request, lost))
  }
}

/** An answer to one request, with the reason for which a delegation does not permit it any more. */
async function explained(
  answer: Message,
  call: ClientCall | undefined,
  isOpening: boolean,
  { server, ended, connection }: Pick<SessionParts, 'server' | 'ended' | 'connection'>,
): Promise<Message | undefined> {
  // Nothing else permits this call, a new delegation included.
  if (call !== undefined && isOfChangedTool(answer)) return withText(answer, acceptStep(server, connection))
  const { name } = call?.params ?? {}
  // The name of a tool can be one that has no command.
  const called = typeof name === 'string' ? quietly(() => toolCommand(server, name)) : undefined
  return withEndedWords(answer, { isOpening, called }, ended)
}

interface Settling extends Pick<SessionParts, 'approved' | 'socket' | 'write'> {
  readonly requests: Requests
  readonly lost: Failure
  readonly calls: Map<unknown, ClientCall>
  readonly isClosed: () => boolean
}

/** The call is made once more with its approvals, whose refusal is passed on; or before with another own chain. */
async function settle(call: ClientCall, answer: RefusedAnswer, parts: Settling): Promise<void> {
  const { approved, socket, requests, write, lost, calls, isClosed } = parts
  const settled = await approved.settle(call, answer)
  if (settled === undefined || isClosed()) return
  if ('answer' in settled) return write(JSON.stringify(settled.answer))
  if (settled.isOwn) calls.set(call.id, call)
  requests.begin(call.id, 'tools/call')
  try {
    if (socket.isEnded()) throw new ConnectionEnded()
    requests.markSent(call.id)
    await socket.send(JSON.stringify(settled.call))
  } catch (error) {
    await requests.fail(call.id, (request) => whyNot(error, request, lost))
  }
}

/** Why a request has no answer after its connection. */
function lostDuring({ isSent, method }: PendingRequest, lost: Failure): Failure {
  return isSent && method === 'tools/call' ? unknownOutcome : lost
}

function whyNot(error: unknown, request: PendingRequest, lost: Failure): Failure {
  if (error instanceof ConnectionEnded) return lostDuring(request, lost)
  return { code: 'not_signed', message: error instanceof Error ? error.message : 'unknown error' }
}

/** The messages in a line of the gateway; undefined when it is not JSON. */
function messagesIn(line: string): readonly Message[] | undefined {
  try {
    const read: unknown = JSON.parse(line)
    const messages = (Array.isArray(read) ? read : [read]) as readonly (Message | null)[]
    return messages.filter((message) => message !== null) as readonly Message[]
  } catch {
    return undefined
  }
}
