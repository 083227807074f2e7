// node only: reads and writes streams
import type { Readable, Writable } from 'node:stream'
import { TransportError } from 'procura/errors'
import { flag, integerFrom, type OptionChecks, readOptions, withDefault, withMethod } from '#support/options.ts'
import { quietly } from '#support/quietly.ts'
import { lineWriter, longestLine, readLines } from '../lines.ts'
import { answeredId } from './answered-id.ts'
import type { McpTransport } from './mcp-transport.ts'
import { hasTooManyValues, mostValues } from './message-size.ts'

/** Options of {@link lineTransport}. */
export interface LineTransportOptions {
  /**
   * Answers a line that is not JSON with the error of JSON-RPC for it. For the side of a client: a server may also
   * print other lines. Default false.
   */
  readonly answersFaults?: boolean
  /**
   * Answers the request of this side whose answer is a faulty line with an error, and ends the transport when no id can
   * be read in the line. For the side of a server, whose answers somebody waits for. Default false.
   */
  readonly endsFaults?: boolean
  /**
   * Most bytes that wait for a slow reader; each message counts as 4,096 bytes more than its text. A message beyond
   * them is not sent. Default 67108864.
   */
  readonly maxWaitingBytes?: number
}

const checks: OptionChecks<LineTransportOptions> & {
  readonly [Name in keyof LineTransportOptions]-?: ReturnType<typeof withDefault>
} = Object.freeze({
  answersFaults: withDefault(flag, false),
  endsFaults: withDefault(flag, false),
  maxWaitingBytes: withDefault(integerFrom(1), 67_108_864),
})

/** Bytes that a waiting message takes beside its text: its promises, and what they keep. */
const costOfWaiting = 4_096

/** Milliseconds to wait until the last messages are written. */
const flushMs = 1_000

/**
 * The framing of MCP over stdio, for child processes and sockets: a message of JSON on each line. Lines of more than 4
 * MiB, of invalid UTF-8 and without JSON are reported and skipped. Nothing is read while a message is taken. MCP-27
 *
 * @param input - receives the messages, such as `child.stdout`.
 * @param output - takes the messages, such as `child.stdin`. The same as `input` for a socket.
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { spawn } from 'node:child_process'
 * import { lineTransport } from 'procura-cli'
 *
 * const child = spawn('node', ['server.mjs'], { stdio: ['pipe', 'pipe', 'inherit'] })
 * const toServer = lineTransport(child.stdout, child.stdin)
 * ```
 */
export function lineTransport(input: Readable, output: Writable, options: LineTransportOptions = {}): McpTransport {
  readOptions('lineTransport', { input, output }, { input: withMethod('on'), output: withMethod('write') })
  const given = readOptions<LineTransportOptions, typeof checks>('lineTransport', options, checks)
  const writeLine = countedWriter(output, given.maxWaitingBytes)
  let started = false
  let closing = false
  let ended = false

  const report = (error: unknown): void => void quietly(() => transport.onerror?.(error))
  const end = (): void => {
    if (ended) return
    ended = true
    quietly(() => transport.onclose?.())
  }

  async function receive(): Promise<void> {
    try {
      for await (const line of readLines(input)) {
        if (closing) break
        const message = typeof line === 'string' ? parse(line) : lineFault(line.fault)
        if (message instanceof TransportError)
          await refuse(message, typeof line === 'string' ? [line, line] : line.ends)
        else if (message !== undefined) await deliver(message)
      }
    } catch (error) {
      if (!closing) report(error)
    }
    end()
  }

  async function refuse(error: TransportError, ends: readonly [string, string]): Promise<void> {
    report(error)
    if (given.endsFaults) {
      const id = answeredId(...ends)
      // A server may also print other lines; a message of this size is an answer.
      if (id === 'unknown' && error.fault === 'too_large') return transport.close()
      const message = `the answer was refused: ${error.message}`
      return typeof id === 'object' ? deliver({ jsonrpc: '2.0', ...id, error: { code: -32_603, message } }) : undefined
    }
    if (!given.answersFaults) return
    const told = { code: -32_700, message: error.message }
    await transport.send({ jsonrpc: '2.0', id: null, error: told }).catch(report)
  }

  async function deliver(message: unknown): Promise<void> {
    try {
      await transport.onmessage?.(message)
    } catch (error) {
      report(error)
    }
  }

  const transport: McpTransport = {
    async start() {
      if (started) return
      started = true
      // An error of a stream that nobody listens to would end the process. Reading and writing report it.
      output.on('error', () => undefined)
      input.on('error', () => undefined)
      void receive()
    },
    async send(message) {
      const line = JSON.stringify(message)
      const bytes = Buffer.byteLength(line) + 1
      if (bytes > longestLine) throw new TransportError('too_large', `a message has more than ${longestLine} bytes`)
      await writeLine(line, bytes)
    },
    async close() {
      if (closing) return
      closing = true
      await flush(output)
      output.destroy()
      input.destroy()
      end()
    },
  }
  return transport
}

/** Writes lines while fewer than so many bytes wait. */
function countedWriter(output: Writable, most: number): (line: string, bytes: number) => Promise<void> {
  const writeLine = lineWriter(output)
  let waiting = 0
  return async (line, bytes) => {
    const cost = bytes + costOfWaiting
    if (waiting + cost > most) throw new TransportError('too_large', `more than ${most} bytes wait for a slow reader`)
    waiting += cost
    try {
      await writeLine(line)
    } finally {
      waiting -= cost
    }
  }
}

/** The message of a line; undefined for an empty one. */
function parse(line: string): unknown {
  if (line.trim() === '') return undefined
  if (hasTooManyValues(line)) return new TransportError('too_large', `a message has more than ${mostValues} values`)
  try {
    return JSON.parse(line)
  } catch {
    return new TransportError('not_json', 'a line is not JSON')
  }
}

function lineFault(fault: 'too_long' | 'not_utf8'): TransportError {
  return fault === 'too_long'
    ? new TransportError('too_large', `a line has more than ${longestLine} bytes`)
    : new TransportError('not_json', 'a line is not valid UTF-8')
}

/** Ends a stream, and waits a little until its last bytes are written. */
async function flush(output: Writable): Promise<void> {
  if (output.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, flushMs)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    output.once('close', done).once('error', done)
    output.end(done)
  })
}
