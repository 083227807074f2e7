// node only: listens on a loopback address
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Did, isDid } from 'procura/did'
import { unlessAborted } from '#support/abort.ts'
import { endWith, readFirstLine } from '../../gateway/wire/hello.ts'
import { hashOf } from './invitation.ts'

/** Milliseconds for a line that the other program sends at once. */
const lineMs = 30_000

/** Most connections at a time. */
const mostConnections = 16

/** The program that has taken an invitation. */
export interface Joining {
  readonly did: Did
  /** Whether it still waits. */
  isThere(): boolean
  /** Sends the delegations as a container. Resolves true when the agent has stored them. */
  deliver(delegations: string): Promise<boolean>
  /** Ends it without a delegation. */
  refuse(): void
}

/** The listener of an invitation, on 127.0.0.1. */
export interface JoinListener {
  readonly port: number
  /**
   * Waits for the first one that has the secret. Everyone after it is refused. CON-35
   *
   * @throws the reason of the signal.
   */
  joining(signal: AbortSignal): Promise<Joining>
  close(): void
}

/** Begins to listen for the answer to an invitation. */
export async function listenForJoin(secret: string, nonce: string): Promise<JoinListener> {
  const expected = await hashOf(secret)
  const sockets = new Set<Socket>()
  let isTaken = false
  let take: (joining: Joining) => void = () => undefined
  const first = new Promise<Joining>((resolve) => {
    take = resolve
  })
  const answer = async (socket: Socket): Promise<void> => {
    const { join, did } = await nextFields(socket, lineMs)
    // The hashes are compared: their bytes say nothing about the secret.
    if (typeof join !== 'string' || (await hashOf(join)) !== expected || !isDid(did))
      return endWith(socket, { error: 'refused' })
    if (isTaken) return endWith(socket, { error: 'used' })
    isTaken = true
    socket.write(line({ nonce }))
    take({
      did,
      isThere: () => !socket.destroyed && !socket.readableEnded,
      async deliver(delegations) {
        socket.write(line({ delegations }))
        return (await nextFields(socket, lineMs))['joined'] === true
      },
      refuse: () => endWith(socket, { error: 'refused' }),
    })
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    void answer(socket)
  })
  server.maxConnections = mostConnections
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    joining: (signal) => unlessAborted(first, signal),
    close() {
      server.close()
      for (const socket of sockets) socket.end().unref()
    },
  }
}

function line(content: object): string {
  return `${JSON.stringify({ procura: 1, ...content })}\n`
}

/** The fields of the next line of a socket; none of a line that is not JSON, and of a connection that has ended. */
export async function nextFields(socket: Socket, timeoutMs: number): Promise<Readonly<Record<string, unknown>>> {
  // Its end is not announced again.
  if (socket.destroyed || socket.readableEnded) return {}
  const text = await readFirstLine(socket, timeoutMs)
  try {
    return Object(JSON.parse(String(text))) as Record<string, unknown>
  } catch {
    return {}
  }
}
