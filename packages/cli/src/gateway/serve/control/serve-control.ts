// node only: listens on a socket
import type { Socket } from 'node:net'
import { quietly } from '#support/quietly.ts'
import { connectionPlaces } from '../../wire/connection-places.ts'
import { type ControlRequest, controlRequests, type RunningParts, type RunningStatus } from '../../wire/control.ts'
import { endWith, readFirstLine } from '../../wire/hello.ts'
import { listen } from '../../wire/listener.ts'

/** Options of {@link serveControl}. */
export interface ControlOptions {
  /** The path of the socket. */
  readonly socket: string
  readonly status: () => Promise<RunningStatus>
  /**
   * Takes the configuration again, and looks at the tools.
   *
   * @throws the reason for which the configuration of before goes on.
   */
  readonly reload: () => Promise<RunningParts>
  /** Takes the accepted tools, for the sessions that are open as well. */
  readonly tools: () => Promise<RunningParts>
  /** Begins the end of the gateway. */
  readonly stop: () => void
}

/** The listener for the owner. */
export interface ControlListener {
  /** Removes the socket. Requests in progress are answered while the process goes on. */
  close(): Promise<void>
}

/** Most connections, and milliseconds for the first line. */
const most = 32
const lineMs = 5_000

/**
 * Listens for the owner of the gateway: one line of JSON in, one out. GTW-91
 *
 * @throws ArgumentError when the socket cannot be made, or a gateway listens there.
 */
export async function serveControl(options: ControlOptions): Promise<ControlListener> {
  const places = connectionPlaces(most)
  const silent = new Set<Socket>()

  async function serve(socket: Socket): Promise<void> {
    silent.add(socket)
    const line = await readFirstLine(socket, lineMs)
    silent.delete(socket)
    if (typeof line !== 'string') return endWith(socket, { error: line })
    const request = requestIn(line)
    if (request === undefined) return endWith(socket, { error: invalid })
    places.begin(socket)
    endWith(socket, await answer(request, options))
    if (request === 'stop') options.stop()
  }

  const listener = await listen(
    { socket: options.socket },
    (socket) => {
      // A client that leaves is reported by the end of the stream.
      socket.on('error', () => undefined)
      if (places.take(socket)) serve(socket).catch(() => void socket.destroy())
      else socket.destroy()
    },
    { program: 'a gateway', option: 'the home folder' },
  )
  return {
    async close() {
      await listener.close()
      // Their time for a first line would hold the process.
      for (const socket of silent) socket.destroy()
    },
  }
}

const invalid = Object.freeze({
  code: 'control_invalid',
  message: `the line must be {"procura":1,"control":"…"} with one of ${controlRequests.join(', ')}`,
})

function requestIn(line: string): ControlRequest | undefined {
  const read = quietly(() => JSON.parse(line) as unknown)
  const { procura, control, ...more } = Object(read) as Readonly<Record<string, unknown>>
  if (procura !== 1 || Object.keys(more).length > 0) return undefined
  return controlRequests.find((request) => request === control)
}

async function answer(request: ControlRequest, { status, reload, tools }: ControlOptions): Promise<object> {
  try {
    if (request === 'status') return { status: await status() }
    if (request === 'reload') return { reloaded: await reload() }
    if (request === 'tools') return { taken: await tools() }
    return { stopping: true }
  } catch (error) {
    return { error: { code: `${request}_failed`, message: (error as Error).message } }
  }
}
