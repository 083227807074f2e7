// node only: works with parts that use files
/**
 * The calls that the gateway makes in its own name: to read the secrets of a program before it starts it, and to send
 * the requests of a session that no agent has signed. They go through a guard like the calls of agents, so that the
 * vault releases nothing without an authorization, and each release is on record.
 *
 * @module
 */

import { defineCommand, encodeContainer, invoke, type ReplayStore, type RevocationStore, type Signer } from 'procura'
import { text } from 'procura/arguments'
import type { AuditSink } from 'procura/audit'
import { createGuard, type Guard, type GuardedCall, type GuardedCommand } from 'procura/guard'
import type { RequestParts } from 'procura/http/binding'
import type { Vault } from 'procura/vault'
import { quote } from '#support/quote.ts'
import type { ApiConfig, HttpServerConfig, StdioServerConfig } from '../../configuration/read-gateway-config.ts'
import type { TransportFetch } from '../../wire/transport/http-connection.ts'
import { proxyOfApi } from '../api/guarded-api.ts'
import { observeCommand, sessionCommand, startCommand } from './credential-rules.ts'
import { UpstreamError } from './upstream-error.ts'

/** The calls of the gateway itself. */
export interface OwnCalls {
  /** Reads the secret variables of a program, for one start. Each release is recorded. */
  secretsOf(server: string): Promise<Readonly<Record<string, string>>>
  /** Sends a request with the credential of a server of HTTP. Each release is recorded. */
  send(server: string): TransportFetch
  /** Sends the request of a call to an API in a dry run, with its credential. Each release is recorded. */
  forward(api: string, args: RequestParts, request: Request): Promise<Response>
  /** Calls that have begun and have not ended. */
  running(): number
  close(): Promise<void>
}

/**
 * The calls under the present configuration, for a session and for a look at tools: both go on when the one with which
 * they began has ended.
 */
export function presentOwnCalls(current: () => { readonly own: OwnCalls }): Pick<OwnCalls, 'secretsOf' | 'send'> {
  return {
    secretsOf: (server) => current().own.secretsOf(server),
    send: (server) => (url, init) => current().own.send(server)(url, init),
  }
}

/** Options of {@link createOwnCalls}. */
export interface OwnCallsOptions {
  readonly signer: Signer
  readonly servers: ReadonlyMap<string, StdioServerConfig | HttpServerConfig>
  readonly apis: ReadonlyMap<string, ApiConfig>
  readonly vault: Vault
  readonly sink: AuditSink
  readonly replay: ReplayStore
  readonly revocations: RevocationStore
  readonly onError: (error: unknown) => void
}

/**
 * Milliseconds for a record, and for a decision. The log and the state are on a disk of this machine, which may be busy
 * for seconds; a call that waits is better than one that is refused.
 */
export const patience: { readonly auditMs: number; readonly decisionMs: number } = Object.freeze({
  auditMs: 5_000,
  decisionMs: 10_000,
})

/**
 * Most calls in progress of a guard: more than all sessions and requests to APIs can have, because a call beyond it is
 * refused to whichever agent makes it.
 */
export const mostCalls = 8_192

/** The argument that names the variable, for the record. */
const variable = { variable: text() }

/** Milliseconds for one of these calls: a request of a session may wait for the first byte of a slow server. */
const handlerMs = 60_000

/** Makes the guard for the calls of the gateway itself. Only the gateway can sign them: it is their subject. GTW-10 */
export function createOwnCalls({ signer, servers, apis, sink, onError, ...parts }: OwnCallsOptions): OwnCalls {
  const guard = createGuard({
    ...parts,
    audience: signer.did,
    subjects: [signer.did],
    commands: [
      ...[...servers].flatMap(([server, config]) => commandsOf(server, config)),
      ...[...apis].map(([api, config]) => commandOfApi(api, config)),
    ],
    audit: { sink, deadlineMs: patience.auditMs, maxInFlight: mostCalls },
    maxInFlight: mostCalls,
    deadlines: { handlerMs, decisionMs: patience.decisionMs },
    onError,
  })

  let running = 0

  async function counted<T>(task: () => Promise<T>): Promise<T> {
    running += 1
    try {
      return await task()
    } finally {
      running -= 1
    }
  }

  async function perform<T>(
    command: string,
    args: Readonly<Record<string, string>>,
    handler: (call: GuardedCall) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const invocation = await invoke({ issuer: signer, audience: signer.did, subject: signer.did, command, args })
    const result = await guard.use(encodeContainer([invocation]), handler, { signal })
    if (result.allowed) return result.value
    const { code, message } = result.denial
    throw new UpstreamError('credential_unavailable', `the credential is not available (${code}): ${message}`)
  }

  async function secretsOf(server: string): Promise<Readonly<Record<string, string>>> {
    const config = servers.get(server)
    const secrets: Record<string, string> = {}
    if (config?.type !== 'stdio') return secrets
    for (const [index, [name, credential]] of Object.entries(config.secretEnv).entries()) {
      secrets[name] = await perform(`${startCommand(server)}/${index}`, { variable: name }, (call) =>
        leaseText(call, server, credential),
      )
    }
    return secrets
  }

  return {
    secretsOf: (server) => counted(() => secretsOf(server)),
    send:
      (server) =>
      (url, { method, headers, body, signal }) =>
        counted(() =>
          perform(
            sessionCommand(server),
            {},
            (call) =>
              call.fetch(url, {
                redirect: 'return',
                headers: new Headers(headers),
                ...(method !== undefined && { method }),
                ...(typeof body === 'string' && { body }),
              }),
            signal ?? undefined,
          ),
        ),
    forward: (api, args, request) => {
      const proxy = proxyOfApi(apis.get(api) as ApiConfig)
      const send = async (call: GuardedCall): Promise<Response> => proxy({ ...call, args } as never, { request })
      return counted(() => perform(observeCommand(api), {}, send, request.signal))
    },
    running: () => running,
    close: () => (guard as Guard).close(),
  }
}

function commandOfApi(api: string, { secretHeaders: { credential } }: ApiConfig): GuardedCommand {
  return { ...defineCommand({ command: observeCommand(api), args: {} }), credential }
}

function commandsOf(server: string, config: StdioServerConfig | HttpServerConfig): readonly GuardedCommand[] {
  if (config.type === 'http') {
    const { secretHeaders } = config
    if (secretHeaders === undefined) return []
    return [{ ...defineCommand({ command: sessionCommand(server), args: {} }), credential: secretHeaders.credential }]
  }
  return Object.values(config.secretEnv).map((credential, index) => ({
    ...defineCommand({ command: `${startCommand(server)}/${index}`, args: variable }),
    credential,
    show: ['variable'],
  }))
}

/** The secret as the text of an environment variable. */
async function leaseText(call: GuardedCall, server: string, credential: string): Promise<string> {
  const lease = await call.lease()
  try {
    const value = lease.secret.reveal()
    if (!value.includes('\0')) return value
  } finally {
    await lease.revoke()
  }
  const message = `the credential ${quote(credential)} of the server ${quote(server)} has a null character, which no environment variable can have`
  throw new UpstreamError('credential_unavailable', message)
}
