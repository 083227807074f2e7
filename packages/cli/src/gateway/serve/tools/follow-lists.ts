// node only: works with transports that use streams
import { sha256Bytes } from '#support/digest.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'
import { createListRequests } from './list-requests.ts'
import { type FoundTools, foundIn } from './list-tools.ts'

type Fields = Readonly<Record<string, unknown>>

/** Most lists of the client that are followed at once, most pages and characters of a cursor that are remembered. */
const most = Object.freeze({ asked: 1_000, pages: 100, cursor: 200 })

/**
 * The transport of a server in a session. Each list of its tools is noted before it reaches the client. The gateway
 * asks for the list by itself when the server announces a change, and when a page of a longer list is new. GTW-42
 *
 * @param onList - receives the whole list, or why it has none that can be noted. Never rejects.
 */
export function followLists(server: McpTransport, onList: (found: FoundTools) => Promise<void>): McpTransport {
  const onFound = markRepeated(onList)
  /** The cursors of the lists under way, by their ids. */
  const asked = new Map<unknown, string | undefined>()
  const pages = new Map<string, string>()
  const own = createListRequests(server, onFound)

  async function take(id: unknown, message: Fields): Promise<void> {
    const cursor = asked.get(id)
    asked.delete(id)
    const { tools, nextCursor } = Object(message['result']) as Fields
    if (Object.hasOwn(message, 'error')) return
    if (cursor === undefined && (nextCursor ?? undefined) === undefined)
      return onFound(await foundIn(async () => message['result']))
    const digest = await digestOf(tools)
    if (pages.get(cursor ?? '') === digest) return
    if (pages.size >= most.pages) pages.clear()
    pages.set(cursor ?? '', digest)
    own.want()
  }

  /** Whether a message is for the client. */
  async function isForClient(message: unknown): Promise<boolean> {
    const fields = Object(message) as Fields
    const { id, method } = fields
    if (method === 'notifications/tools/list_changed') own.want()
    if (method !== undefined) return true
    if (own.take(id, fields)) return false
    if (asked.has(id)) await take(id, fields)
    return true
  }

  function toServer(message: unknown): void {
    const { id, method, params } = Object(message) as Fields
    const { cursor, requestId } = Object(params) as Fields
    own.note(method, params)
    if (method === 'notifications/cancelled') asked.delete(requestId)
    if (method !== 'tools/list' || id === undefined || asked.size >= most.asked) return
    const isShort = typeof cursor === 'string' && cursor.length <= most.cursor
    asked.set(id, (cursor ?? undefined) === undefined ? undefined : isShort ? cursor : 'long')
  }

  const wrapped: McpTransport = {
    start: () => server.start(),
    close() {
      own.end()
      return server.close()
    },
    async send(message, options) {
      for (const one of Array.isArray(message) ? message : [message]) toServer(one)
      await server.send(message, options)
    },
  }
  server.onmessage = async (message) => {
    if (!Array.isArray(message)) return (await isForClient(message)) ? wrapped.onmessage?.(message) : undefined
    const kept: unknown[] = []
    for (const one of message) if (await isForClient(one)) kept.push(one)
    return kept.length === 0 ? undefined : wrapped.onmessage?.(kept)
  }
  server.onclose = () => {
    own.end()
    wrapped.onclose?.()
  }
  server.onerror = (error) => wrapped.onerror?.(error)
  return wrapped
}

/** Marks a list that is the one before: a program that is older than an update of its server goes on with it. GTW-42 */
function markRepeated(onList: (found: FoundTools) => Promise<void>): (found: FoundTools) => Promise<void> {
  let last: string | undefined
  return async (found) => {
    const before = last
    last = 'tools' in found ? await digestOf(found.tools) : undefined
    return onList('tools' in found && last === before ? { ...found, isRepeated: true } : found)
  }
}

async function digestOf(data: unknown): Promise<string> {
  return String(await sha256Bytes(new TextEncoder().encode(JSON.stringify(data) ?? '')))
}
