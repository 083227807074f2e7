/** An open connection of a client. */
export interface OpenConnection {
  /** Differs from that of another connection, as far as the client shows it. */
  readonly identity: object
  /** Closes it at once, and lets the client open another one. */
  close(): void
}

/** The parts of ioredis and iovalkey that are used, in a client for one server. */
interface ReconnectingClient {
  readonly status: string
  readonly stream: { destroy(): unknown }
}

/** The parts of node-redis that are used, in a client for one server. */
interface ReopeningClient {
  readonly isOpen: boolean
  readonly isReady: boolean
  destroy(): unknown
  connect(): Promise<unknown>
}

/**
 * Returns the open connection of a client. Undefined while the client opens one, which it ends by a time limit of its
 * own, and after its owner closed it. Undefined as well for a client of a cluster, which has several.
 */
export function openConnectionOf(client: object): OpenConnection | undefined {
  if (isReconnecting(client)) {
    const { status, stream } = client
    // `disconnect(true)` ends its own side first, and waits for the other.
    return status === 'ready' || status === 'connect' ? { identity: stream, close: () => stream.destroy() } : undefined
  }
  if (!isReopening(client) || !client.isOpen || !client.isReady) return undefined
  return {
    identity: client,
    close() {
      client.destroy()
      client.connect().catch(() => undefined)
    },
  }
}

/** Whether a client opens a connection at present. It would keep commands until then, however long that takes. */
export function isOpening(client: object): boolean {
  if (isReconnecting(client)) return !['ready', 'wait', 'end'].includes(client.status)
  return isReopening(client) && client.isOpen && !client.isReady
}

function isReconnecting(client: object): client is ReconnectingClient {
  const { status, stream } = client as Partial<ReconnectingClient>
  return typeof status === 'string' && typeof stream?.destroy === 'function'
}

function isReopening(client: object): client is ReopeningClient {
  const { isOpen, isReady, destroy, connect } = client as Partial<ReopeningClient>
  return [isOpen, isReady].every((one) => typeof one === 'boolean') && [destroy, connect].every(isFunction)
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
