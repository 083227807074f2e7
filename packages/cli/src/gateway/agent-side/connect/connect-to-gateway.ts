// node only: reads and writes streams
import { setMaxListeners } from 'node:events'
import { objectValue, readOptions } from '#support/options.ts'
import { type LineFault, lineWriter, longestLine, readLines } from '../../wire/lines.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import { failedAnswer, type Message, malformedAnswer, type RequestId } from './answers.ts'
import { type ConnectToGatewayOptions, connectChecks, type Write } from './options.ts'
import { resumeSession } from './resume-session.ts'
import { createSeenServer } from './seen-server.ts'
import { createServerRequests } from './server-requests.ts'
import { openSession, type Session, type SharedParts } from './session.ts'

/** Milliseconds for calls under way when the client has sent its last message. CON-09 */
const graceMs = 1_000

/**
 * Serves an MCP client over stdio: connects to the gateway, signs each `tools/call` with the key of the agent, and
 * passes every other message unchanged. It decides nothing: the gateway does. While the gateway cannot be used, each
 * call is answered with the fault and the remedy. A session that ended with its connection is opened again for the next
 * request.
 *
 * @returns when the client has closed `input`, is gone, or `signal` is aborted.
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { connectToGateway } from 'procura-cli'
 *
 * await connectToGateway({ server: 'mail', agent: './agents/assistant', input: process.stdin, output: process.stdout })
 * ```
 */
export async function connectToGateway(options: ConnectToGatewayOptions): Promise<void> {
  const given = readOptions('connectToGateway', options, connectChecks)
  const { server, agent, input, output, signal, onFault = () => undefined } = given
  toolCommand(server)
  const gone = new AbortController()
  // Each session waits for it, and there is one for each restart of the gateway.
  setMaxListeners(0, gone.signal)
  const end = (): void => {
    gone.abort()
    input.destroy()
  }
  const writeLine = lineWriter(output)
  const write: Write = async (line) => {
    if (gone.signal.aborted) return
    try {
      await writeLine(line)
    } catch {
      // The client is gone, and nothing can be reported to it.
      end()
    }
  }
  const seen = createSeenServer(agent, server)
  const shared = { write, onFault, seen, asked: createServerRequests(), gone: gone.signal }
  const relay = createRelay(() => openSession(given, shared), shared)
  signal?.addEventListener('abort', end)
  output.on('error', end)
  try {
    if (signal?.aborted !== true) for await (const line of readLines(input)) await relay.take(line)
    await relay.finish()
  } catch (error) {
    // A client that ends may tear its pipe as well as close it.
    if (!gone.signal.aborted && !input.destroyed) throw error
  } finally {
    signal?.removeEventListener('abort', end)
    output.off('error', end)
    // Earlier sessions may have calls that wait for approvals.
    gone.abort()
    await relay.close()
  }
}

interface Relay {
  take(line: string | LineFault): Promise<void>
  /** Waits for calls under way, for a moment. */
  finish(): Promise<void>
  close(): Promise<void>
}

function createRelay(open: () => Promise<Session>, shared: SharedParts): Relay {
  const { write, seen, asked, gone } = shared
  let session = open()
  let isFirst = true
  const answer = (message: object): Promise<void> => write(JSON.stringify(message))

  /** CON-06: the state of a session is lost with its connection, so a message that begins one needs no other. */
  async function sessionFor(message: Message, isRequest: boolean): Promise<Session> {
    const known = await session
    const isOver = known.fault() !== undefined && !isFirst
    isFirst = false
    const initialize = seen.begun()
    if (!isOver) return known
    if (beginsSession(message)) session = open()
    else if (isRequest && initialize !== undefined) {
      const options = { ...shared, initialize, lists: message.method === 'tools/list', signal: gone }
      session = open().then((opened) => resumeSession(opened, options))
    }
    return session
  }

  async function one(message: Message, line: string | undefined): Promise<void> {
    if (objectValue(message) !== undefined)
      return answer(malformedAnswer(-32_600, 'a message must be an object of JSON-RPC'))
    const { id, method } = message
    const isRequest = typeof method === 'string' && Object.hasOwn(message, 'id')
    if ((isRequest && !isRequestId(id)) || (method === 'tools/call' && !isRequest))
      return answer(malformedAnswer(-32_600, 'a request must have an `id` that is a string or a number'))
    if (method === undefined && !asked.answer(id)) return
    const current = await sessionFor(message, isRequest)
    const fault = current.fault()
    if (fault === undefined) return current.send(message, line)
    if (!isRequest) return
    const known = fault.isAbsent === true ? await seen.answer(message) : undefined
    await answer(known ?? failedAnswer(id as RequestId, method, fault))
  }

  return {
    // CON-08: one message after the other, so that no message overtakes another.
    async take(line) {
      if (typeof line !== 'string') return answer(malformedAnswer(-32_700, faultOf(line)))
      if (line.trim() === '') return
      let read: unknown
      try {
        read = JSON.parse(line)
      } catch {
        return answer(malformedAnswer(-32_700, 'the line is not JSON'))
      }
      if (!Array.isArray(read)) return one(read as Message, line)
      if (read.length === 0) return answer(malformedAnswer(-32_600, 'the batch is empty'))
      for (const message of read as Message[]) await one(message, undefined)
    },
    finish: async () => (await session).finish(graceMs),
    async close() {
      await (await session).close()
      await seen.saved()
    },
  }
}

function faultOf({ fault }: LineFault): string {
  return fault === 'too_long' ? `the line has more than ${longestLine} bytes` : 'the line is not valid UTF-8'
}

function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'string' || typeof id === 'number'
}

/** Since protocol version 2026-07-28 there are no sessions: each request names its version. */
function beginsSession({ method, params }: Message): boolean {
  const meta = Object(Object(params)._meta) as object
  return method === 'initialize' || Object.hasOwn(meta, 'io.modelcontextprotocol/protocolVersion')
}
