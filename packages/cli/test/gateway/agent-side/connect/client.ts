// node only: streams
/** A client of `connectToGateway`, in the same process. */
import { PassThrough } from 'node:stream'
import { connectToGateway } from '../../../../src/gateway/agent-side/connect/connect-to-gateway.ts'
import type { ConnectToGatewayOptions } from '../../../../src/gateway/agent-side/connect/options.ts'

/** A message for the client. */
export interface Answer {
  readonly id?: unknown
  readonly result?: {
    readonly isError?: boolean
    readonly content?: readonly [{ readonly text: string }]
    readonly tools?: readonly { readonly name: string }[]
    readonly _meta?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  readonly error?: { readonly code: number; readonly message: string }
}

/** A client that writes lines. */
export interface LineClient {
  readonly input: PassThrough
  readonly output: PassThrough
  /** Faults that were reported. */
  readonly faults: string[]
  /** All lines that were received. */
  readonly lines: string[]
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>
  write(...messages: readonly (object | string)[]): void
  /** Sends a request, and waits for its answer. */
  ask(method: string, params?: object): Promise<Answer>
  /** Waits for the answer to a request. */
  answer(id: unknown): Promise<Answer>
  /** Waits until so many lines were received. */
  count(least: number): Promise<void>
  initialize(): Promise<Answer>
  call(name: string, args?: object): Promise<Answer>
}

/** Connects a client to the gateway of an agent. */
export function connectClient(agent: string, more: Partial<ConnectToGatewayOptions> = {}): LineClient {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const lines: string[] = []
  const faults: string[] = []
  const watchers = new Set<() => void>()
  let rest = ''
  let next = 1
  output.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    for (const watch of watchers) watch()
  })
  const ended = connectToGateway({ server: 'mail', agent, input, output, onFault: (one) => faults.push(one), ...more })
  ended.catch(() => undefined)

  function until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((settle) => {
      const watch = (): void => {
        const found = find()
        if (found === undefined) return
        watchers.delete(watch)
        settle(found)
      }
      watchers.add(watch)
      watch()
    })
  }

  const client: LineClient = {
    ...{ input, output, faults, lines, ended },
    write: (...messages) => {
      for (const one of messages) input.write(typeof one === 'string' ? one : `${JSON.stringify(one)}\n`)
    },
    async ask(method, params) {
      const id = next++
      client.write({ jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) })
      return client.answer(id)
    },
    answer: (id) =>
      until(() => lines.map((line) => JSON.parse(line) as Answer).find((one) => one.id === id && !('method' in one))),
    count: async (least) => void (await until(() => (lines.length >= least ? true : undefined))),
    initialize: async () => {
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
      const answer = await client.ask('initialize', params)
      if (answer.error === undefined) client.write({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return answer
    },
    call: (name, args = {}) => client.ask('tools/call', { name, arguments: args }),
  }
  return client
}

/** The text that a model reads. */
export function textOf(answer: Answer): string {
  return answer.result?.content?.[0].text ?? JSON.stringify(answer)
}

/** Clients of a file of tests, which end after each test. */
export interface Clients {
  connect(agent: string, more?: Partial<ConnectToGatewayOptions>): LineClient
  /** Connects a client, and begins its session. */
  open(agent: string, more?: Partial<ConnectToGatewayOptions>): Promise<LineClient>
  end(): Promise<void>
}

/** Makes an empty list of clients. */
export function newClients(): Clients {
  const open: LineClient[] = []
  const connect: Clients['connect'] = (agent, more) => {
    const client = connectClient(agent, more)
    open.push(client)
    return client
  }
  return {
    connect,
    async open(agent, more) {
      const client = connect(agent, more)
      await client.initialize()
      return client
    },
    async end() {
      for (const { input, ended } of open.splice(0)) {
        input.end()
        await ended.catch(() => undefined)
      }
    },
  }
}
