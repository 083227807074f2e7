// node only: closes servers
import { type NodeServer, type WatchedConnections, watchConnections } from './watch-connections.ts'

/** A server of `node:http`, `node:https` or `node:http2`, or an instance of Fastify, which has one. */
export interface ClosableServer {
  close(closed: Closed): unknown
  /** Of Fastify. */
  readonly server?: object
}

type Closed = (error?: Error | null) => void

/** A server beside the one that is closed. */
type FurtherServer = NodeServer & { close(closed: Closed): unknown }

/**
 * Milliseconds in which a connection without a request may bring one more, when its server closes. The request may be
 * on its way, and a client that finds its connection closed does not know whether the request was executed.
 */
const lastRequestMs = 500

/**
 * Watches the connections of a server, so that it can be closed in a bounded time.
 *
 * @returns a function that stops listening, and is fulfilled after the last request, or after so many milliseconds,
 *   when it has ended the connections that remain.
 */
export function watchServer(server: ClosableServer): (closeMs: number) => Promise<void> {
  const watched = new Map<NodeServer, WatchedConnections>()
  function watch(node: NodeServer): void {
    if (!watched.has(node)) watched.set(node, watchConnections(node))
  }
  watch(server.server ?? server)
  for (const further of furtherServers(server)) watch(further)

  return async (closeMs) => {
    const others = furtherServers(server)
    // Fastify makes them when it listens.
    for (const other of others) watch(other)
    const all = [...watched.values()]
    const endUnused = (): void => {
      for (const connections of all) connections.endUnused()
    }
    for (const connections of all) connections.askToEnd()
    // A busy process first reads the bytes that have arrived. A request from before the server was watched may leave an
    // unused connection at any time.
    const late = setInterval(() => setImmediate(endUnused), lastRequestMs)
    let timer: NodeJS.Timeout | undefined
    const end = new Promise<readonly []>((resolve) => {
      timer = setTimeout(() => {
        for (const connections of all) connections.endAll()
        resolve([])
      }, closeMs)
    })
    // Fastify waits for the first one alone, and lets the others listen until then.
    const results = await Promise.race([end, Promise.allSettled([server, ...others].map(closed))])
    clearInterval(late)
    clearTimeout(timer)
    endUnused()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
}

/** Waits until a server has closed. One that does not listen is closed. */
function closed(server: Pick<ClosableServer, 'close'>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error?: NodeJS.ErrnoException | null) =>
      error && error.code !== 'ERR_SERVER_NOT_RUNNING' ? reject(error) : resolve(),
    )
  })
}

/** Fastify listens at `localhost` with a server for each address, and has all but the first at this symbol. */
function furtherServers(instance: ClosableServer): readonly FurtherServer[] {
  if (instance.server === undefined) return []
  // The instance of a plugin inherits from the instance of the program.
  for (let at: object | null = instance; at !== null; at = Object.getPrototypeOf(at))
    for (const symbol of Object.getOwnPropertySymbols(at))
      if (symbol.description === 'fastify.serverBindings') return Reflect.get(at, symbol) as readonly FurtherServer[]
  return []
}
