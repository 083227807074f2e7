// node only: connects to a socket
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { isDid } from 'procura/did'
import { startDeadline } from '#support/deadline.ts'
import { quote } from '#support/quote.ts'
import { readFirstLine } from '../../wire/hello.ts'
import { type LineFault, type LineWriter, lineWriter, longestLine, readLines } from '../../wire/lines.ts'
import { type GatewayConnection, loopback } from './connection-file.ts'

/** A connection to the gateway, for one session with one server or for approvals. */
export interface GatewaySocket {
  /** The first line of the gateway, after the proof if it asks for one. */
  readonly answer: Readonly<Record<string, unknown>>
  /** The lines of the gateway. They end with the connection. */
  readonly lines: AsyncIterable<string | LineFault>
  /** @throws ConnectionEnded when the connection has ended; GatewayFault when the line is too long. */
  send(line: string): Promise<void>
  /** Whether the connection has ended, so that nothing more is sent. */
  isEnded(): boolean
  close(): void
}

/** The gateway cannot be used. The message is for people and models: the fault and the remedy. */
export class GatewayFault extends Error {
  /** The code with which the gateway refuses. Undefined for every other fault. */
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** A gateway of another DID answers at the place. */
class OtherGateway extends GatewayFault {
  readonly did: unknown

  constructor(message: string, did: unknown) {
    super(message)
    this.did = did
  }
}

/** No gateway answers at the place. */
export class GatewayAbsent extends GatewayFault {}

/** The connection ended while a line was written, so that the gateway may have it. */
export class ConnectionEnded extends Error {}

/** Milliseconds within which the gateway has to answer the first line. */
const helloMs = 10_000

/**
 * Connects to the gateway, and asks it for a server. CON-02
 *
 * @param wanted - the content of the first line: the server, or a command whose calls need approvals.
 * @param prove - makes the second line, if the gateway asks for a proof with a challenge.
 * @param onAsked - called when the first line is written.
 * @throws GatewayFault when the gateway cannot be reached, refuses, or is not the one that the agent expects.
 */
export async function openGatewaySocket(
  connection: GatewayConnection,
  wanted: object,
  prove?: (challenge: string) => Promise<object>,
  onAsked: () => void = () => undefined,
): Promise<GatewaySocket> {
  return greet(connection, async (socket, ask) => {
    const lines = readLines(socket)
    const write = lineWriter(socket)
    const next = async (): Promise<unknown> => (await lines.next()).value
    const first = await ask(write, wanted, () => {
      onAsked()
      return next()
    })
    const { challenge } = first
    const isAsked = prove !== undefined && typeof challenge === 'string'
    const answer = isAsked ? await ask(write, await prove(challenge), next) : first
    return {
      answer,
      lines,
      async send(line) {
        if (Buffer.byteLength(line) >= longestLine) throw new GatewayFault(tooLong)
        try {
          await write(line)
        } catch {
          throw new ConnectionEnded()
        }
      },
      isEnded: () => socket.destroyed || socket.writableEnded,
      close: () => socket.destroy(),
    }
  })
}

/** A connection to the gateway, for one request to an API. */
export interface ApiSocket {
  readonly socket: Socket
  /** The origin of the API, for which the request is signed. */
  readonly origin: string
}

/**
 * Connects to the gateway, and asks it for an API. CON-02
 *
 * @throws GatewayFault as {@link openGatewaySocket}.
 */
export async function openApiSocket(connection: GatewayConnection, api: string): Promise<ApiSocket> {
  return greet(connection, async (socket, ask) => {
    const { origin } = await ask(lineWriter(socket), { api }, () => readFirstLine(socket, helloMs))
    return { socket, origin: String(origin) }
  })
}

/** Sends the first line, and returns the checked answer. */
type Ask = (
  write: LineWriter,
  wanted: object,
  read: () => Promise<unknown>,
) => Promise<Readonly<Record<string, unknown>>>

/** Opens a connection, also to the successor of the gateway, whose DID `connection` then has. */
async function greet<T>(connection: GatewayConnection, begin: (socket: Socket, ask: Ask) => Promise<T>): Promise<T> {
  try {
    return await greetOnce(connection, begin)
  } catch (error) {
    if (!(error instanceof OtherGateway) || !(await isFollowed(connection, error.did))) throw error
    return greetOnce(connection, begin)
  }
}

/** Asks a gateway of another DID for the proof that it succeeds the one that the agent expects. */
async function isFollowed(connection: GatewayConnection, found: unknown): Promise<boolean> {
  const { audience: former } = connection
  // Another connection of this process can have taken it already, now or during the question.
  if (former === found) return true
  if (!isDid(found)) return false
  const proof = await greetOnce({ ...connection, audience: found }, async (socket, ask) => {
    const { successor } = await ask(lineWriter(socket), { successor: former }, () => readFirstLine(socket, helloMs))
    socket.destroy()
    return successor
  }).catch(() => undefined)
  if (connection.audience !== former) return connection.audience === found
  // Loaded on demand: the key of a gateway changes rarely.
  const { takeSuccessor } = await import('./take-successor.ts')
  return takeSuccessor(connection, former, found, proof)
}

/** Opens a connection, whose first lines have a time limit. */
async function greetOnce<T>(
  connection: GatewayConnection,
  begin: (socket: Socket, ask: Ask) => Promise<T>,
): Promise<T> {
  const place = placeOf(connection)
  const deadline = startDeadline([], helloMs)
  let socket: Socket | undefined
  try {
    socket = await open(connection, place, deadline.signal)
    const opened = socket
    deadline.signal.addEventListener('abort', () => opened.destroy())
    return await begin(opened, async (write, wanted, read) => {
      const answer = await answerTo(write, wanted, read, place, deadline.signal)
      checkAnswer(answer, connection, place)
      return Object(answer) as Readonly<Record<string, unknown>>
    })
  } catch (error) {
    socket?.destroy()
    throw error
  } finally {
    deadline.end()
  }
}

const tooLong = `the request has more than ${longestLine} bytes when it is signed; send less at a time`

function placeOf({ socket, address }: GatewayConnection): string {
  return quote(socket ?? (address as string), 256)
}

async function open(connection: GatewayConnection, place: string, signal: AbortSignal): Promise<Socket> {
  const { socket: path, address } = connection
  const socket = path === undefined ? connect(loopback(address as string) as never) : connect(path)
  return new Promise((settle, fail) => {
    const end = (): void => void socket.destroy()
    signal.addEventListener('abort', end)
    socket.once('connect', () => {
      signal.removeEventListener('abort', end)
      socket.on('error', () => undefined)
      socket.setNoDelay(true)
      settle(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => fail(unreachable(error.code, place, connection)))
    socket.once('close', () => fail(slow(place)))
  })
}

function unreachable(
  code: string | undefined,
  place: string,
  { address, folder, home }: GatewayConnection,
): GatewayFault {
  if (code === 'EACCES' || code === 'EPERM')
    return new GatewayFault(`this user may not open the socket ${place} of the gateway; run the agent as its owner`)
  const reason = code === 'ENOENT' || code === 'ECONNREFUSED' ? 'nothing listens at' : `no connection (${code}) to`
  const start = `the gateway is not running: ${reason} ${place}; start it with \`procura start\``
  // The owner of a gateway elsewhere cannot write to this folder. CON-44
  const isElsewhere = address !== undefined && folder !== undefined && home === undefined
  const moved = isElsewhere
    ? `, as its user; if it has moved to another address, set \`address\` in ${quote(join(folder, 'connect.json'), 256)}`
    : ''
  return new GatewayAbsent(start + moved)
}

function slow(place: string): GatewayFault {
  return new GatewayAbsent(
    `the gateway at ${place} did not answer within ${helloMs / 1_000} s; if it does not run, start it with \`procura start\``,
  )
}

async function answerTo(
  write: LineWriter,
  wanted: object,
  read: () => Promise<unknown>,
  place: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    await write(JSON.stringify({ procura: 1, ...wanted }))
    const line = await read()
    if (typeof line === 'string') return JSON.parse(line) as unknown
  } catch {
    // The fault is the same: there is no answer.
  }
  if (signal.aborted) throw slow(place)
  throw new GatewayAbsent(
    `${place} ended the connection or is not a gateway of procura; if the gateway does not run, start it with \`procura start\``,
  )
}

function checkAnswer(answer: unknown, { audience }: GatewayConnection, place: string): void {
  const { procura, audience: found, error } = Object(answer) as Readonly<Record<string, unknown>>
  if (procura !== 1) throw new GatewayFault(`${place} is not a gateway of a known version; update procura`)
  const { message, code } = Object(error) as { readonly message?: unknown; readonly code?: unknown }
  if (error !== undefined)
    throw new GatewayFault(`the gateway refuses: ${inOneLine(message)}`, typeof code === 'string' ? code : undefined)
  // Signed calls are for one audience. Another process at this place must not receive them.
  if (found !== audience)
    throw new OtherGateway(
      `the gateway at ${place} is ${inOneLine(found)}, and connect.json names ${audience}; correct \`audience\`, or start the other gateway`,
      found,
    )
}

/** Foreign text in one line, without characters that a terminal obeys. */
export function inOneLine(text: unknown): string {
  if (typeof text !== 'string' || text === '') return 'without a reason'
  return text.slice(0, 500).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
}
