// node only: starts programs
import { ProcuraError } from 'procura'
import { sleep } from '#support/back-off.ts'
import { quote } from '#support/quote.ts'
import type { HttpServerConfig, StdioServerConfig } from '../../configuration/read-gateway-config.ts'
import type { TransportFetch } from '../../wire/transport/http-connection.ts'
import { httpTransport } from '../../wire/transport/http-transport.ts'
import { lineTransport } from '../../wire/transport/line-transport.ts'
import type { McpTransport } from '../../wire/transport/mcp-transport.ts'
import { sseTransport } from '../../wire/transport/sse-transport.ts'
import { createRate } from '../rate.ts'
import type { LastLines } from './last-lines.ts'
import { namingLogin, withLoginFaults } from './login-faults.ts'
import type { OwnCalls } from './own-calls.ts'
import { redactMessages } from './redact-secrets.ts'
import { startChild } from './start-child.ts'
import { UpstreamError } from './upstream-error.ts'

/**
 * Requests of a session that the gateway signs at once, and milliseconds for each further one. It records them, and a
 * client can make pings, as a server can ask for answers, without end. GTW-70
 */
const pace = Object.freeze({ atOnce: 100, eachMs: 100 })

const never = new AbortController().signal

/** A connection to a server, for one session. */
export interface Upstream {
  /** Not started. */
  readonly transport: McpTransport
  /** Whether an allowed call is sent with the credential of its command. */
  readonly takesCredential: boolean
  /** Resolves to the way a program ended. Never, for a server of HTTP. */
  readonly ended: Promise<string>
  /** The last lines of the standard error of a program, if they were asked for. */
  readonly errors?: LastLines | undefined
  /** Ends the program. */
  stop(): Promise<void>
}

/**
 * Connects to a server: starts its program with its secrets, or prepares requests to it.
 *
 * @param keepsErrors - whether the last lines of the standard error of a program are kept.
 * @throws UpstreamError when the program cannot be started, or a credential is not available.
 */
export async function openUpstream(
  server: string,
  config: StdioServerConfig | HttpServerConfig,
  own: Pick<OwnCalls, 'secretsOf' | 'send'>,
  keepsErrors = false,
): Promise<Upstream> {
  if (config.type === 'http') return httpUpstream(server, config, own)
  const secrets = await secretsOf(server, own)
  const child = await startChild(server, config, secrets, keepsErrors)
  const transport = redactMessages(lineTransport(child.output, child.input, { endsFaults: true }), secrets)
  return { transport, takesCredential: false, ended: child.ended, errors: child.errors, stop: child.stop }
}

/** GTW-12: each request of the session has the credential, and goes to the origin of the server. */
function httpUpstream(
  server: string,
  { url, transport: kind, headers, secretHeaders, login }: HttpServerConfig,
  own: Pick<OwnCalls, 'secretsOf' | 'send'>,
): Upstream {
  const isSecret = secretHeaders !== undefined
  const send = own.send(server)
  const rate = createRate(pace)
  const paced: TransportFetch = async (to, request) => {
    // The end of a session does not wait.
    const waitMs = request.method === 'DELETE' ? 0 : rate.take()
    if (waitMs > 0) await sleep(waitMs, request.signal ?? never)
    return send(to, request)
  }
  const fetch = login === true ? withLoginFaults(server, paced) : paced
  const connect = kind === 'sse' ? sseTransport : httpTransport
  const http = connect(url, { headers, ...(isSecret && { fetch }) })
  const transport = login === true ? namingLogin(server, http) : http
  return {
    transport,
    takesCredential: isSecret,
    ended: new Promise<never>(() => undefined),
    stop: () => transport.close(),
  }
}

async function secretsOf(
  server: string,
  own: Pick<OwnCalls, 'secretsOf' | 'send'>,
): Promise<Readonly<Record<string, string>>> {
  try {
    return await own.secretsOf(server)
  } catch (error) {
    if (!(error instanceof ProcuraError)) throw error
    const message = `a credential of the server ${quote(server)} is not available: ${error.message} (${error.code})`
    throw new UpstreamError('credential_unavailable', message)
  }
}
