// node only: works with parts that use sockets
import { objectValue } from '#support/options.ts'
import type { Message } from './answers.ts'
import { GatewayFault, inOneLine } from './gateway-socket.ts'

/** Requests to a server in the place of the client. */
export interface OwnRequests {
  /** Takes the answer to one of them. Returns false for another message. */
  take(message: Message): boolean
  /**
   * Begins the session.
   *
   * @returns the result of the server.
   * @throws GatewayFault when the server does not.
   */
  begin(params: unknown): Promise<object>
  /**
   * The whole list of tools.
   *
   * @throws GatewayFault when the server does not list them.
   */
  tools(): Promise<readonly unknown[]>
  /** The connection has ended: no answer comes. */
  end(): void
}

/** Most pages and characters of a list of tools. The gateway notes no longer list. */
export const mostOfList: { readonly pages: number; readonly characters: number } = Object.freeze({
  pages: 100,
  characters: 8_388_608,
})

/** Makes an empty table. */
export function createOwnRequests(send: (message: Message) => Promise<void>): OwnRequests {
  const pending = new Map<unknown, (answer: Message | undefined) => void>()

  async function ask(method: string, params: unknown): Promise<Readonly<Record<string, unknown>>> {
    // No request of the client has this id.
    const id = `procura-${crypto.randomUUID()}`
    const answered = new Promise<Message | undefined>((resolve) => pending.set(id, resolve))
    send({ jsonrpc: '2.0', id, method, params } as Message).catch(() => settle(id, undefined))
    const answer = await answered
    if (answer === undefined)
      throw new GatewayFault(`the connection to the gateway ended before its server answered \`${method}\``)
    const { result, error } = answer as { readonly result?: unknown; readonly error?: { readonly message?: unknown } }
    if (objectValue(result) === undefined) return result as Readonly<Record<string, unknown>>
    throw new GatewayFault(`the server refuses \`${method}\`: ${inOneLine(Object(error).message)}`)
  }

  function settle(id: unknown, answer: Message | undefined): boolean {
    const resolve = pending.get(id)
    pending.delete(id)
    resolve?.(answer)
    return resolve !== undefined
  }

  return {
    take: (message) => message.method === undefined && settle(message.id, message),
    async begin(params) {
      const result = await ask('initialize', params)
      await send({ jsonrpc: '2.0', method: 'notifications/initialized' } as Message)
      return result
    },
    async tools() {
      const found: unknown[] = []
      let cursor: unknown
      let characters = 0
      for (let page = 0; page < mostOfList.pages; page++) {
        const { tools, nextCursor } = await ask('tools/list', cursor === undefined ? {} : { cursor })
        if (!Array.isArray(tools)) throw new GatewayFault('the list of tools is malformed')
        characters += JSON.stringify(tools).length
        if (characters > mostOfList.characters) throw new GatewayFault('the list of tools is too large')
        for (const tool of tools) found.push(tool)
        if (nextCursor === undefined || nextCursor === null) return found
        cursor = nextCursor
      }
      throw new GatewayFault('the list of tools has too many pages')
    },
    end() {
      for (const id of [...pending.keys()]) settle(id, undefined)
    },
  }
}
