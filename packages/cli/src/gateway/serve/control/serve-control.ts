// node only: listens on a socket
import type { Socket } from 'node:net'
import { quietly } from '#support/quietly.ts'
import { connectionPlaces } from '../../wire/connection-places.ts'
import {
  type ControlRequest,
  controlRequests,
  mostAsked,
  type RunningParts,
  type RunningStatus,
} from '../../wire/control.ts'
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
  /** Finds the delegations that are revoked. */
  readonly revoked: (ids: readonly string[]) => Promise<readonly string[]>
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
    if (request.control === 'stop') options.stop()
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
  message: `the line must be {"procura":1,"control":"…"} with one of ${controlRequests.join(', ')}; "revoked" has CIDs and DIDs beside it, in \`ids\``,
})

/** A request with its parameters. */
interface Asked {
  readonly control: ControlRequest
  readonly ids: readonly string[]
}

function requestIn(line: string): Asked | undefined {
  const read = quietly(() => JSON.parse(line) as unknown)
  const { procura, control, ids = [], ...more } = Object(read) as Readonly<Record<string, unknown>>
  if (procura !== 1 || Object.keys(more).length > 0) return undefined
  const known = controlRequests.find((request) => request === control)
  const isList = Array.isArray(ids) && ids.length <= mostAsked && ids.every((one) => typeof one === 'string')
  if (known === undefined || !isList || ids.length > 0 !== (known === 'revoked')) return undefined
  return { control: known, ids }
}

async function answer({ control, ids }: Asked, { status, reload, tools, revoked }: ControlOptions): Promise<object> {
  try {
    if (control === 'status') return { status: await status() }
    if (control === 'reload') return { reloaded: await reload() }
    if (control === 'tools') return { taken: await tools() }
    if (control === 'revoked') return { revoked: await revoked(ids) }
    return { stopping: true }
  } catch (error) {
    return { error: { code: `${control}_failed`, message: (error as Error).message } }
  }
}
