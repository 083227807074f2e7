import type { RequestId, WireMessage } from './read-message.ts'

/** Requests of the relay itself to the server. */
export interface UpstreamRequests {
  /**
   * Sends a request under an id of the relay, and resolves to its result.
   *
   * Rejects with {@link RpcError} when the server answers with an error, with the error of the transport, and with the
   * reason of the signal, of which the server is notified.
   */
  send(request: UpstreamRequest): Promise<unknown>
  /** Takes the response to one of these requests. False if it is not one. */
  take(id: RequestId, response: WireMessage): boolean
}

/** A request of the relay. */
export interface UpstreamRequest {
  readonly method: string
  readonly params: unknown
  readonly signal: AbortSignal | undefined
  /** For `send` of the transport. */
  readonly options?: unknown
}

/** The server answered with an error of JSON-RPC. */
export class RpcError extends Error {
  /** As it is recorded. */
  readonly code = 'upstream_error'
  /** The error as the server sent it. */
  readonly error: unknown

  constructor(error: unknown) {
    super('the server answered with an error')
    this.name = 'RpcError'
    this.error = error
  }
}

/**
 * Makes the requests of a relay. MCP-22: their ids are unpredictable, so that neither side can use one for another
 * request, and no response to another request counts as the result of a guarded call.
 */
export function createUpstreamRequests(
  send: (message: WireMessage, options?: unknown) => Promise<void>,
): UpstreamRequests {
  const prefix = `procura-${crypto.randomUUID()}-`
  const pending = new Map<RequestId, PromiseWithResolversOf<unknown>>()
  let count = 0

  async function request({ method, params, signal, options }: UpstreamRequest): Promise<unknown> {
    signal?.throwIfAborted()
    count += 1
    const id = `${prefix}${count}`
    const { promise, ...settle } = withResolvers<unknown>()
    pending.set(id, settle)
    const abort = (): void => {
      if (!pending.delete(id)) return
      settle.reject(signal?.reason)
      const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } }
      send(cancelled).catch(() => undefined)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      send({ jsonrpc: '2.0', id, method, params }, options).catch((error: unknown) => settle.reject(error))
      return await promise
    } finally {
      pending.delete(id)
      signal?.removeEventListener('abort', abort)
    }
  }

  return {
    send: request,
    take(id, response) {
      const settle = pending.get(id)
      if (settle === undefined) return typeof id === 'string' && id.startsWith(prefix)
      pending.delete(id)
      if (Object.hasOwn(response, 'error')) settle.reject(new RpcError(response['error']))
      else settle.resolve(response['result'])
      return true
    },
  }
}

interface PromiseWithResolversOf<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

function withResolvers<T>(): PromiseWithResolversOf<T> & { readonly promise: Promise<T> } {
  let resolve = (_: T): void => undefined
  let reject = (_: unknown): void => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
