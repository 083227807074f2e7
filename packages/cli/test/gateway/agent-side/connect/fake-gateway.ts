// node only: listens on a socket
/** A gateway for the tests of its clients: the first lines of the wire, and then a guarded server of the MCP SDK. */
import { createServer, type Server, type Socket } from 'node:net'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { type Clock, defineCommand } from 'procura'
import { integer, optional, text } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard } from 'procura/guard'
import { guardTools } from 'procura/mcp'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { z } from 'zod'
import { toolCommand } from '../../../../src/gateway/wire/tool-command.ts'

/** A running gateway. */
export interface FakeGateway {
  /** Bytes that the gateway received, of all connections. */
  readonly received: string[]
  /** Arguments of the calls that a tool executed. */
  readonly executed: unknown[]
  /** Events of the log. */
  events(): readonly Readonly<Record<string, unknown>>[]
  /** Lets the calls end that wait in the tool `wait`. */
  release(): void
  /** Connections now. */
  count(): number
  /** Ends every connection, and listens no longer. */
  stop(): Promise<void>
}

/** The identities of a gateway, and the changes of a test. */
export interface FakeGatewayOptions {
  readonly audience: string
  readonly subject: string
  readonly listen: string | { readonly host: string; readonly port: number }
  readonly clock?: Clock
  /** Replaces the answer to the first line. */
  readonly hello?: (line: string, socket: Socket) => string | undefined
}

/** Starts a gateway with the server `mail`, whose tools are `send`, `readAll` and `wait`. */
export async function startFakeGateway(options: FakeGatewayOptions): Promise<FakeGateway> {
  const { audience, subject, listen, clock, hello } = options
  const tools = {
    send: defineCommand({ command: toolCommand('mail', 'send'), args: { to: text(), text: optional(text()) } }),
    readAll: defineCommand({ command: toolCommand('mail', 'readAll'), args: { limit: optional(integer()) } }),
    wait: defineCommand({ command: toolCommand('mail', 'wait'), args: {} }),
  }
  const sink = memoryAuditSink()
  const time = clock === undefined ? {} : { clock }
  const guard = createGuard({
    audience: audience as never,
    subjects: [subject as never],
    commands: Object.values(tools),
    revocations: memoryRevocationStore(time),
    replay: memoryReplayStore(time),
    audit: { sink },
    ...time,
  })
  const executed: unknown[] = []
  const received: string[] = []
  const sockets = new Set<Socket>()
  const waiting: (() => void)[] = []

  function serve(socket: Socket): void {
    const server = new McpServer({ name: 'mail', version: '1' })
    const done = { content: [{ type: 'text' as const, text: 'done' }] }
    const run = (args: unknown): typeof done => {
      executed.push(args)
      return done
    }
    server.registerTool('send', { inputSchema: { to: z.string(), text: z.string().optional() } }, run)
    server.registerTool('readAll', { inputSchema: { limit: z.number().optional() } }, run)
    server.registerTool('wait', { inputSchema: {} }, async (args) => {
      await new Promise<void>((settle) => waiting.push(settle))
      return run(args)
    })
    guardTools(server, guard, { tools, listing: { subjects: [subject], ...time } })
    void server.connect(new StdioServerTransport(socket, socket))
  }

  const listener: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    let first = ''
    const read = (chunk: Buffer): void => {
      first += chunk.toString()
      const end = first.indexOf('\n')
      if (end < 0) return
      socket.off('data', read).pause()
      const [line, rest] = [first.slice(0, end), first.slice(end + 1)]
      // It takes no requests for approvals.
      if (line.includes('"approvals"')) {
        const error = { code: 'hello_invalid', message: 'no approvals here' }
        return void socket.end(`${JSON.stringify({ procura: 1, error })}\n`)
      }
      received.push(line)
      const answer = hello === undefined ? JSON.stringify({ procura: 1, audience }) : hello(line, socket)
      if (answer !== undefined) socket.write(`${answer}\n`)
      if (hello !== undefined) return void socket.resume()
      socket.on('data', (more: Buffer) => received.push(more.toString()))
      serve(socket)
      if (rest !== '') socket.unshift(Buffer.from(rest))
      socket.resume()
    }
    socket.on('data', read)
  })
  await new Promise<void>((settle, fail) => listener.once('error', fail).listen(listen as never, settle))
  return {
    received,
    executed,
    events: () => sink.lines().map((line) => (JSON.parse(line) as { event: Readonly<Record<string, unknown>> }).event),
    release: () => waiting.splice(0).forEach((settle) => void settle()),
    count: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((settle) => listener.close(() => settle()))
    },
  }
}
