import type { PinnedTool } from 'procura/mcp'
import { withinDeadline } from '#support/deadline.ts'
import { type AllowedRequests, announcedRequests } from '../../configuration/passing-methods.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'
import { isTool, partsOf } from './tool-parts.ts'

/** Most pages of a list, tools and characters: a server that pages endlessly would hold the start of the gateway. */
const most = Object.freeze({ pages: 100, tools: 1_000, characters: 8_388_608 })

/** The answers of a server. */
export interface ListedServer {
  readonly tools: readonly PinnedTool[]
  /** The requests beside those for tools that it announces, and `instructions` if it has some. */
  readonly announced: readonly AllowedRequests[]
}

/**
 * Asks a server for its tools, in a session of its own.
 *
 * @param transport - not started; it is closed afterwards.
 * @param ending - aborted when nobody waits for the answer any more.
 * @throws an error whose message contains no text of the server.
 */
export async function listTools(
  transport: McpTransport,
  timeoutMs: number,
  ending: AbortSignal,
): Promise<ListedServer> {
  const session = openSession(transport)
  const reason = (): Error => new Error(`it did not list its tools within ${timeoutMs} ms`)
  try {
    return await withinDeadline(timeoutMs, { signals: [ending], reason }, () => ask(session))
  } finally {
    await transport.close().catch(() => undefined)
  }
}

interface Session {
  start(): Promise<void>
  request(method: string, params: object): Promise<unknown>
  notify(method: string): Promise<void>
}

async function ask(session: Session): Promise<ListedServer> {
  await session.start()
  const begun = await session.request('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'procura', version: '1' },
  })
  await session.notify('notifications/initialized')
  const tools = await wholeList((params) => session.request('tools/list', params))
  return { tools, announced: announcedIn(begun) }
}

/** The tools of a server, or why it has no list that can be noted. */
export type FoundTools =
  | {
      readonly tools: readonly PinnedTool[]
      /** Whether it is the list that the same session had before. */
      readonly isRepeated?: boolean
    }
  | { readonly fault: string }

/**
 * The whole list of a server.
 *
 * @param request - sends `tools/list` with these parameters, and resolves to the result. Its error becomes a fault.
 */
export async function foundIn(request: (params: object) => Promise<unknown>): Promise<FoundTools> {
  try {
    return { tools: await wholeList(request) }
  } catch (error) {
    return { fault: (error as Error).message }
  }
}

/**
 * Asks for all pages of the list of a server.
 *
 * @param request - sends `tools/list` with these parameters, and resolves to the result.
 * @throws an error whose message contains no text of the server.
 */
async function wholeList(request: (params: object) => Promise<unknown>): Promise<readonly PinnedTool[]> {
  const found: PinnedTool[] = []
  let cursor: unknown
  let characters = 0
  for (let page = 0; page < most.pages; page++) {
    const { tools, nextCursor } = Object(await request(cursor === undefined ? {} : { cursor }))
    if (!Array.isArray(tools) || !tools.every(isTool)) throw new Error('its list of tools is malformed')
    characters += JSON.stringify(tools).length
    if (found.length + tools.length > most.tools || characters > most.characters)
      throw new Error('it has too many tools, or their definitions are too large')
    found.push(...tools.map(partsOf))
    cursor = nextCursor
    if (cursor === undefined || cursor === null) return distinct(found)
  }
  throw new Error('its list of tools has too many pages')
}

function distinct(tools: readonly PinnedTool[]): readonly PinnedTool[] {
  const names = new Set(tools.map(({ name }) => name))
  if (names.size !== tools.length) throw new Error('it has two tools of one name')
  return tools
}

function announcedIn(begun: unknown): readonly AllowedRequests[] {
  const { capabilities, instructions } = Object(begun) as Readonly<Record<string, unknown>>
  const requests = announcedRequests.filter((name) => Object.hasOwn(Object(capabilities), name))
  return typeof instructions === 'string' ? [...requests, 'instructions'] : requests
}

type Settle = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }

function openSession(transport: McpTransport): Session {
  const pending = new Map<unknown, Settle>()
  let count = 0
  let isClosed = false
  transport.onmessage = (message: unknown): void => {
    const { id, method, result, error } = Object(message) as Readonly<Record<string, unknown>>
    // The server may ask the client something; this client can do nothing.
    if (method !== undefined) {
      if (id !== undefined) send({ id, error: { code: -32_601, message: 'Method not found' } }).catch(() => undefined)
      return
    }
    const settle = pending.get(id)
    pending.delete(id)
    if (error === undefined) settle?.resolve(result)
    else settle?.reject(new Error('it answered with an error'))
  }
  transport.onclose = (): void => {
    isClosed = true
    for (const { reject } of pending.values()) reject(new Error('it ended'))
  }
  transport.onerror = (): void => undefined
  const send = async (message: object): Promise<void> => {
    if (isClosed) throw new Error('it ended')
    await transport.send({ jsonrpc: '2.0', ...message })
  }
  return {
    start: () => transport.start(),
    notify: (method) => send({ method }),
    request(method, params) {
      count++
      const id = count
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject })
        send({ id, method, params }).catch(reject)
      })
    },
  }
}
