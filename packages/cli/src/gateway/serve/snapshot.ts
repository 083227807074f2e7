// node only: works with parts that use files
/**
 * The parts that a configuration and the accepted tools determine: the guard, and the tools of each server. A reload
 * makes the next snapshot; calls in progress end under the one that decided them.
 *
 * @module
 */

import { type CommandDefinition, defineCommand, type Signer } from 'procura'
import type { AuditSink } from 'procura/audit'
import type { Ledger } from 'procura/audit/ledger'
import type { Guard, GuardedCommand } from 'procura/guard'
import { commandOfTool, type PinnedTool, toolHash } from 'procura/mcp'
import type { Metrics } from 'procura/operations'
import { createService, on, type Service } from 'procura/service'
import type { Vault } from 'procura/vault'
import type { FileVault } from 'procura/vault/file'
import { sleep } from '#support/back-off.ts'
import type {
  ApiConfig,
  GatewayConfig,
  HttpServerConfig,
  StdioServerConfig,
} from '../configuration/read-gateway-config.ts'
import { callBounds } from '../wire/call-bounds.ts'
import { toolCommand } from '../wire/tool-command.ts'
import { boundApi } from './api/guarded-api.ts'
import { approvalRule, checkApprovalNames } from './approvals/tool-approvals.ts'
import { checkArgumentNames, shownArguments, withArgumentRules } from './argument-rules.ts'
import type { Limiter } from './limiter.ts'
import type { GatewayStores } from './state/sync-state.ts'
import { createRevocationTaker } from './take-revocations.ts'
import { createOwnCalls, mostCalls, type OwnCalls, patience } from './upstream/own-calls.ts'

/** The parts of a gateway that every snapshot uses. */
export interface GatewayParts {
  readonly signer: Signer
  readonly vault: FileVault
  readonly sink: AuditSink
  /** Gets the chains of allowed calls. */
  readonly ledger: Pick<Ledger, 'used' | 'revoked'>
  readonly stores: GatewayStores
  /** Of the revocations of agents. */
  readonly limiter: Limiter
  /** Called when an owner has revoked a delegation to an agent. */
  readonly onRevoked: (agent: string, command: string) => Promise<void>
  readonly metrics: Metrics
  /** Milliseconds for a call of a tool. */
  readonly callMs: number
  /** Milliseconds for the calls in progress when the gateway ends. */
  readonly stopMs: number
  readonly onError: (error: unknown) => void
}

/** A server, with the commands of its accepted tools. */
export interface GuardedServer {
  readonly config: StdioServerConfig | HttpServerConfig
  /** By the name of the tool. */
  readonly commands: ReadonlyMap<string, GuardedCommand>
  /** The accepted hash of each tool. */
  readonly pins: ReadonlyMap<string, string>
  /** The accepted tools that have no command, with the reason. */
  readonly unusable: ReadonlyMap<string, string>
}

/** One configuration at work. */
export interface Snapshot {
  readonly config: GatewayConfig
  /** The keys of the page for approvals that are approvers in this run. */
  readonly browsers: readonly string[]
  /** The DID of the gateway. */
  readonly audience: string
  /** The key of the gateway. */
  readonly signer: Signer
  readonly servers: ReadonlyMap<string, GuardedServer>
  readonly apis: ReadonlyMap<string, ApiConfig>
  readonly guard: Guard
  /** Executes the calls of APIs, takes revocations, and reports the health of the log. */
  readonly service: Pick<Service, 'call' | 'revoke' | 'health'>
  readonly revocations: GatewayStores['revocations']
  readonly own: OwnCalls
  /** The log. */
  readonly sink: AuditSink
  /** Waits until its calls have ended, however long they take, and closes it. */
  retire(): Promise<void>
  /** Refuses further calls, waits a bounded time for those in progress, and closes it. */
  close(): Promise<void>
}

/** A service has at least one command, also before the first tool was accepted. No tool has this one. */
const nothing: GuardedCommand = Object.freeze(defineCommand({ command: '/gateway/nothing', args: {} }))

/** The number of requests of one call to a server of HTTP: the call itself, and resumptions of its stream. */
const mostRequests = 20

/**
 * Makes a snapshot.
 *
 * @param accepted - the accepted tools of each server.
 * @throws ArgumentError when a credential is not in the vault.
 */
export async function createSnapshot(
  config: GatewayConfig,
  accepted: ReadonlyMap<string, readonly PinnedTool[]>,
  parts: GatewayParts,
  browsers: readonly string[] = [],
): Promise<Snapshot> {
  const { signer, ledger, stores, limiter, onRevoked, metrics, callMs, stopMs, onError } = parts
  const vault = withLogins(parts.vault, config)
  const sink = withoutClose(parts.sink)
  const servers = new Map<string, GuardedServer>()
  for (const [name, server] of config.servers) {
    servers.set(name, await guardedServer(name, server, accepted.get(name) ?? [], browsers))
  }
  const commands = [...servers.values()].flatMap((server) => [...server.commands.values()])
  const service = createService({
    audience: signer.did,
    subjects: config.subjects,
    // GTW-30: a tool without an accepted definition has no command, and no call of it can be allowed.
    // Calls of tools come by the guard: a relay sends each of them to its server.
    bounds: callBounds,
    handlers: [
      ...[nothing, ...commands].map((command) => on(command, () => undefined)),
      ...[...config.apis].map(([name, api]) => boundApi(name, api)),
    ],
    registry: stores.revocations,
    vault,
    audit: { sink, deadlineMs: patience.auditMs, maxInFlight: mostCalls },
    ledger,
    maxInFlight: mostCalls,
    ...stores,
    deadlines: { handlerMs: callMs, closeMs: stopMs, decisionMs: patience.decisionMs },
    onEvent: metrics.onEvent,
    onError,
  })
  const { guard } = service
  const { replay, revocations } = stores
  const own = createOwnCalls({
    signer,
    servers: config.servers,
    apis: config.apis,
    vault,
    sink,
    replay,
    revocations,
    onError,
  })

  let closing: Promise<void> | undefined
  function close(): Promise<void> {
    closing ??= Promise.all([service.close(), own.close()]).then(() => undefined)
    return closing
  }
  return {
    config,
    browsers,
    audience: signer.did,
    signer,
    servers,
    apis: config.apis,
    guard,
    service: {
      ...service,
      revoke: createRevocationTaker({
        ...{ revoke: service.revoke, subjects: config.subjects, limiter, onRevoked, onError },
      }),
    },
    revocations,
    own,
    sink,
    close,
    async retire() {
      const never = new AbortController().signal
      while (closing === undefined && (guard.health().calls > 0 || own.running() > 0)) await sleep(50, never)
      await close()
    },
  }
}

/** The vault, with the credentials of logins that are still missing: the gateway runs without them. */
function withLogins(vault: Vault, { servers }: GatewayConfig): Vault {
  const logins = [...servers.values()].flatMap((server) =>
    server.type === 'http' && server.login === true ? [server.secretHeaders?.credential ?? ''] : [],
  )
  return {
    use: (...given) => vault.use(...given),
    lease: (...given) => vault.lease(...given),
    get references() {
      return [...new Set([...(vault.references ?? []), ...logins])]
    },
  }
}

/** Every snapshot writes to one log, which outlives it. */
function withoutClose(sink: AuditSink): AuditSink {
  return Object.create(sink, { close: { value: async () => undefined } }) as AuditSink
}

async function guardedServer(
  name: string,
  config: StdioServerConfig | HttpServerConfig,
  tools: readonly PinnedTool[],
  browsers: readonly string[],
): Promise<GuardedServer> {
  const commands = new Map<string, GuardedCommand>()
  const pins = new Map<string, string>()
  const unusable = new Map<string, string>()
  const credential = config.type === 'http' ? config.secretHeaders?.credential : undefined
  const described: (PinnedTool & { readonly definition: CommandDefinition })[] = []
  for (const tool of tools) {
    pins.set(tool.name, await toolHash(tool))
    try {
      described.push({ ...tool, definition: definitionOf(name, tool) })
    } catch (error) {
      unusable.set(tool.name, (error as Error).message)
    }
  }
  for (const tool of described) {
    try {
      checkArgumentNames(described, config)
      checkApprovalNames(tools, config.approvals)
      const approvals = approvalRule(tool.name, config.approvals, browsers)
      const definition = withArgumentRules(tool.name, tool.definition, config)
      commands.set(tool.name, {
        ...definition,
        show: shownArguments(tool.name, definition, config),
        ...(approvals !== undefined && { approvals }),
        ...(credential !== undefined && withCredential(credential, mostRequests)),
      })
    } catch (error) {
      unusable.set(tool.name, (error as Error).message)
    }
  }
  return { config, commands, pins, unusable }
}

function definitionOf(server: string, tool: PinnedTool): CommandDefinition {
  return commandOfTool(
    { ...tool, inputSchema: tool.inputSchema ?? { type: 'object' } },
    // A part of a schema that is not understood counts as any JSON value: the server checks its own schema.
    { command: toolCommand(server, tool.name), unsupported: 'json' },
  )
}

function withCredential(credential: string, requests: number): Pick<GuardedCommand, 'credential' | 'requests'> {
  return { credential, requests }
}
