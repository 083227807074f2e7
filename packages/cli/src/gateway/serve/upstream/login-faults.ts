import { VaultError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import type { TransportFetch } from '../../wire/transport/http-connection.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'
import { UpstreamError } from './upstream-error.ts'

/** The `fetch` of a server with a login: it names the next step where the login is missing, or has ended. LGN-20 */
export function withLoginFaults(server: string, fetch: TransportFetch): TransportFetch {
  return async (url, request) => {
    const response = await fetch(url, request).catch((error: unknown) => {
      throw loginFault(server, error) ?? error
    })
    if (response.status !== 401) return response
    response.body?.cancel().catch(() => undefined)
    throw faultOf(server, 'refuses the tokens of its login')
  }
}

/** Why the vault has no token; undefined for another error, such as an authorization server that does not answer. */
function loginFault(server: string, error: unknown): UpstreamError | undefined {
  if (!(error instanceof VaultError)) return undefined
  if (error.code === 'ERR_VAULT_UNKNOWN_REFERENCE') return faultOf(server, 'needs a login')
  const { message: reason } = Object(error.cause) as { readonly message?: unknown }
  if (reason === 'invalid_grant') return faultOf(server, 'needs a new login: its grant has ended')
  if (reason === 'invalid_client' || reason === 'unauthorized_client')
    return faultOf(server, `needs a new login: its client has ended`)
  return undefined
}

function faultOf(server: string, fault: string): UpstreamError {
  return new UpstreamError(
    'credential_unavailable',
    `the server ${quote(server)} ${fault}; run \`procura login ${server}\``,
  )
}

/** The error about a login among the causes of an error. */
function faultIn(error: unknown): UpstreamError | undefined {
  for (let found = error, depth = 0; found instanceof Error && depth < 4; found = found.cause, depth++)
    if (found instanceof UpstreamError) return found
  return undefined
}

/** The transport to a server with a login, whose `send` rejects with the fault of the login itself. */
export function namingLogin(server: string, transport: McpTransport): McpTransport {
  return wrapped(transport, async (message, options) => {
    const { fetch } = Object(options) as { readonly fetch?: TransportFetch }
    const sending = fetch === undefined ? options : { ...Object(options), fetch: withLoginFaults(server, fetch) }
    try {
      await transport.send(message, sending)
    } catch (error) {
      throw faultIn(error) ?? error
    }
  })
}

/**
 * The transport for a session: a request that needs a login is answered with an error that the model can read. LGN-21
 *
 * @param words - the message for the person at the client.
 */
export function answeringLogin(transport: McpTransport, words: (fault: UpstreamError) => string): McpTransport {
  const made = wrapped(transport, async (message, options) => {
    try {
      await transport.send(message, options)
    } catch (error) {
      const { id, method } = Object(message) as { readonly id?: unknown; readonly method?: unknown }
      if (!(error instanceof UpstreamError) || method === undefined || id === undefined) throw error
      await made.onmessage?.({ jsonrpc: '2.0', id, error: { code: unavailable, message: words(error) } })
    }
  })
  return made
}

/** The code of JSON-RPC for an error of the server. */
const unavailable = -32_000

function wrapped(transport: McpTransport, send: McpTransport['send']): McpTransport {
  const made: McpTransport = { start: () => transport.start(), send, close: () => transport.close() }
  transport.onmessage = (message) => made.onmessage?.(message)
  transport.onclose = () => made.onclose?.()
  transport.onerror = (error) => made.onerror?.(error)
  return made
}
