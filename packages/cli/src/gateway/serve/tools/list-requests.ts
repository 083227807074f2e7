// node only: works with transports that use streams
import { sleep } from '#support/back-off.ts'
import { withinDeadline } from '#support/deadline.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'
import { createRate } from '../rate.ts'
import { type FoundTools, foundIn } from './list-tools.ts'

type Fields = Readonly<Record<string, unknown>>

/** The lists that the gateway asks for in the session of a client. */
export interface ListRequests {
  /** Asks when the session has begun: one list at a time, and one more after the last wish. */
  want(): void
  /** Notes a message of the client: the session begins with it, or its protocol has facts in each request. */
  note(method: unknown, params: unknown): void
  /** Takes the answer to one of these requests. False if it is not one. */
  take(id: unknown, message: Fields): boolean
  end(): void
}

/** Milliseconds for a list. */
const listMs = 30_000

/** How often the gateway asks: a server can announce changes without end. */
const pace = Object.freeze({ atOnce: 10, eachMs: 1_000 })

/**
 * Makes the requests.
 *
 * @param onList - receives each list. A server that does not answer, or answers with an error, is not reported: the
 *   client that asks it sees the same.
 */
export function createListRequests(
  server: Pick<McpTransport, 'send'>,
  onList: (found: FoundTools) => Promise<void>,
): ListRequests {
  const prefix = `procura-list-${crypto.randomUUID()}-`
  const ending = new AbortController()
  const { signal } = ending
  const rate = createRate(pace)
  let [isOpen, isWanted, isRunning, count] = [false, false, false, 0]
  let pending: { readonly id: string; readonly settle: (message: Fields) => void } | undefined
  let facts: object | undefined

  function request(params: object): Promise<unknown> {
    count += 1
    const id = `${prefix}${count}`
    return new Promise((resolve, reject) => {
      const settle = ({ result, error }: Fields): void =>
        error === undefined ? resolve(result) : reject(new Error('it answered with an error'))
      pending = { id, settle }
      const full = { ...params, ...(facts !== undefined && { _meta: facts }) }
      server.send({ jsonrpc: '2.0', id, method: 'tools/list', params: full }).catch(reject)
    })
  }

  async function ask(): Promise<void> {
    let hasFailed = false
    const page = (params: object): Promise<unknown> =>
      request(params).catch((error: unknown) => {
        hasFailed = true
        throw error
      })
    const found = await withinDeadline(listMs, { signals: [signal] }, () => foundIn(page))
    pending = undefined
    if (!hasFailed) await onList(found)
  }

  async function run(): Promise<void> {
    while (isWanted) {
      isWanted = false
      await sleep(rate.take(), signal)
      if (signal.aborted) return
      await ask().catch(() => undefined)
    }
  }

  function start(): void {
    if (!isOpen || !isWanted || isRunning) return
    isRunning = true
    void run().finally(() => {
      isRunning = false
      start()
    })
  }

  return {
    want() {
      isWanted = !signal.aborted
      start()
    },
    note(method, params) {
      const { _meta } = Object(params) as Fields
      const found = Object.entries(Object(_meta) as Fields).filter(([name]) => isFact(name))
      if (found.length > 0) facts = Object.fromEntries(found)
      if (isOpen || (method !== 'notifications/initialized' && facts === undefined)) return
      isOpen = true
      // The server gets the message first.
      queueMicrotask(start)
    },
    take(id, message) {
      if (typeof id !== 'string' || !id.startsWith(prefix)) return false
      if (pending?.id === id) pending.settle(message)
      return true
    },
    end() {
      isWanted = false
      ending.abort()
    },
  }
}

/** Whether a member of `_meta` is a fact of the client, which each request has since protocol version 2026-07-28. */
function isFact(name: string): boolean {
  return /^io\.modelcontextprotocol\/(?:client|protocol)[A-Z]/.test(name)
}
