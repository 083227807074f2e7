// node only: connects to a socket

import { quietly } from '#support/quietly.ts'
import { atHome } from '../../configuration/at-home.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import { type ApprovableAnswer, type ClientCall, type Failure, isApprovable, type Message } from './answers.ts'
import type { ApprovedCalls } from './approved-calls.ts'
import { type GatewayConnection, readConnection } from './connection-file.ts'
import { createElicitations, type Elicitations, withoutAnswer } from './elicitations.ts'
import { type EndedWords, openingMethods, withEndedWords } from './ended-authority.ts'
import { ConnectionEnded, type GatewaySocket, openGatewaySocket } from './gateway-socket.ts'
import { openSigning, type Signing, type Wire } from './open-signing.ts'
import type { ConnectToGatewayOptions, Write } from './options.ts'
import { createRequests, type PendingRequest, type Requests } from './requests.ts'

/** A session of MCP with one server behind the gateway. */
export interface Session {
  /** Why it cannot be used; undefined while it can. */
  fault(): Failure | undefined
  /** Sends a message of the client. Requests that cannot be sent are answered. */
  send(message: Message, line: string | undefined): Promise<void>
  /** Waits until no request is under way, at most so many milliseconds. */
  finish(mostMs: number): Promise<void>
  close(): Promise<void>
}

/** Opens a session, or reports by `fault` why it cannot be used. */
export async function openSession(
  options: ConnectToGatewayOptions,
  write: Write,
  onFault: (message: string) => void,
): Promise<Session> {
  let connection: GatewayConnection | undefined
  try {
    const { agent, server, clock, approvalWait: waitSeconds = 0 } = options
    const found = await readConnection(agent)
    connection = found
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
    return startSession({ connection: found, server, socket, sign, ended, write, onFault, approved, elicitations })
  } catch (error) {
    const message = atHome(error instanceof Error ? error.message : 'unknown error', connection ?? {})
    onFault(message)
    return failedSession({ code: 'gateway_unavailable', message })
  }
}

function failedSession(failure: Failure): Session {
  const nothing = async (): Promise<void> => undefined
  return { fault: () => failure, send: nothing, finish: nothing, close: nothing }
}

const lostMessage =
  'the connection to the gateway ended, and with it the session; start the gateway with `procura serve` if it does not run, and connect to this server again'

const unknownOutcome: Failure = Object.freeze({
  code: 'outcome_unknown',
  message:
    'the connection to the gateway ended during this call, which may have been executed; find out whether it was before you repeat it',
})

interface SessionParts {
  readonly connection: GatewayConnection
  readonly socket: GatewaySocket
  readonly server: string
  readonly sign: (wire: Wire) => Wire
  readonly ended: EndedWords
  readonly write: Write
  readonly onFault: (message: string) => void
  readonly approved: ApprovedCalls
  readonly elicitations: Elicitations
}

function startSession(parts: SessionParts): Session {
  const { connection, socket, sign, write, onFault, approved, elicitations } = parts
  const requests = createRequests(write)
  const lost: Failure = { code: 'gateway_unavailable', message: atHome(lostMessage, connection) }
  /** Calls of tools without an answer, by their id. */
  const calls = new Map<unknown, ClientCall>()
  /** Requests that begin a session, by their id. */
  const openings = new Set<unknown>()
  let failure: Failure | undefined
  let isClosed = false

  const wire = sign({
    async send(message) {
      requests.markSent(message.id)
      await socket.send(JSON.stringify(message))
    },
    onmessage(message) {
      if (requests.settle(message.id)) void write(JSON.stringify(message))
    },
  })

  async function receive(): Promise<void> {
    for await (const line of socket.lines) {
      const answers = typeof line === 'string' ? answersIn(line) : undefined
      // The gateway sends JSON in lines of the permitted length, or it is broken.
      if (answers === undefined) break
      const [given] = answers
      for (const { id } of answers) requests.settle(id)
      const call = calls.get(given?.id)
      const changed = given && (await explained(given, call, openings.delete(given.id), parts))
      const first = changed ?? given
      for (const { id } of answers) calls.delete(id)
      if (call !== undefined && isApprovable(first))
        void settle(call, first, { approved, socket, requests, write, lost, isClosed: () => isClosed })
      else await write(changed === undefined ? (line as string) : JSON.stringify(changed))
    }
  }

  const ended = receive()
    .catch(() => undefined)
    .then(async () => {
      socket.close()
      failure = lost
      if (!isClosed) onFault(lost.message)
      await requests.failAll((request) => lostDuring(request, lost))
    })

  return {
    fault: () => failure,
    async send(message, line) {
      const { id, method, params } = message
      if (elicitations.take(message)) return
      if (method === 'notifications/cancelled') {
        const { requestId } = Object(params) as { readonly requestId?: unknown }
        calls.delete(requestId)
        if (approved.cancel(requestId)) return
      }
      if (typeof method === 'string' && id !== undefined) requests.begin(id, method)
      if (openingMethods.has(method)) openings.add(id)
      if (method === 'tools/call') calls.set(id, message as ClientCall)
      try {
        if (method === 'tools/call') return await wire.send(withoutAnswer(message as ClientCall))
        if (method === 'tools/list') return await wire.send(message)
        await socket.send(line ?? JSON.stringify(message))
      } catch (error) {
        await requests.fail(id, (request) => whyNot(error, request, lost))
      }
    },
    finish: async (mostMs) => (failure === undefined ? requests.finish(mostMs) : undefined),
    async close() {
      // The client is gone: requests under way are not answered.
      isClosed = true
      approved.close()
      requests.forget()
      socket.close()
      await ended
    },
  }
}

/** An answer to one request, with the reason for which a delegation does not permit it any more. */
function explained(
  answer: Message,
  call: ClientCall | undefined,
  isOpening: boolean,
  { server, ended }: Pick<SessionParts, 'server' | 'ended'>,
): Promise<Message | undefined> {
  const { name } = call?.params ?? {}
  // The name of a tool can be one that has no command.
  const called = typeof name === 'string' ? quietly(() => toolCommand(server, name)) : undefined
  return withEndedWords(answer, { isOpening, called }, ended)
}

interface Settling extends Pick<SessionParts, 'approved' | 'socket' | 'write'> {
  readonly requests: Requests
  readonly lost: Failure
  readonly isClosed: () => boolean
}

/** The call is made once more with its approvals. A second refusal is passed on. */
async function settle(call: ClientCall, answer: ApprovableAnswer, parts: Settling): Promise<void> {
  const { approved, socket, requests, write, lost, isClosed } = parts
  const settled = await approved.settle(call, answer)
  if (settled === undefined || isClosed()) return
  if ('answer' in settled) return write(JSON.stringify(settled.answer))
  requests.begin(call.id, 'tools/call')
  requests.markSent(call.id)
  try {
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

/** The answers in a line of the gateway; undefined when it is not JSON. */
function answersIn(line: string): readonly Message[] | undefined {
  try {
    const read: unknown = JSON.parse(line)
    const messages = (Array.isArray(read) ? read : [read]) as readonly (Message | null)[]
    return messages.filter((message) => message !== null && message.method === undefined) as readonly Message[]
  } catch {
    return undefined
  }
}
