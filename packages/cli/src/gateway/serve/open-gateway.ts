// node only: listens on sockets
/**
 * The gateway: one process between agents and MCP servers.
 *
 * @module
 */

import type { Signer } from 'procura'
import { recoverIntents, withHealth } from 'procura/audit'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { createMetrics, pruneRegularly } from 'procura/operations'
import { openSignerFile } from 'procura/signer/file'
import { type FileKey, openFileVault } from 'procura/vault/file'
import {
  abortSignal,
  callback,
  flag,
  maybe,
  milliseconds,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '#support/options.ts'
import { quietly } from '#support/quietly.ts'
import { checkSocketPath } from '../../support/socket-path.ts'
import { checkNotMoved } from '../configuration/moved.ts'
import { type ApiConfig, type GatewayConfig, readGatewayConfig } from '../configuration/read-gateway-config.ts'
import { passphraseOfVault, type VaultUnlock } from '../configuration/vault-unlock.ts'
import { listen, refuseSecondGateway } from '../wire/listener.ts'
import { type AdminListener, type GatewayHealth, serveAdmin } from './admin/serve-admin.ts'
import { createTextMeter } from './admin/text-meter.ts'
import { openApprovalQueue } from './approvals/approval-queue.ts'
import { approversOf, followPage } from './approvals/follow-page.ts'
import { openPage } from './approvals/open-page.ts'
import { confirmClaims } from './confirm-claims.ts'
import { createConnections, type OpenSession } from './connections.ts'
import type { GatewayEvent, OnGatewayEvent } from './events.ts'
import { haveSame } from './have-same.ts'
import { createHealth } from './health.ts'
import { takePendingRevocations } from './pending-revocations.ts'
import { createReloads } from './reloads.ts'
import { recordSeen } from './seen-delegations.ts'
import type { GatewayParts } from './snapshot.ts'
import { createSnapshots, type GatewayServer, type Snapshots } from './snapshots.ts'
import { openState } from './state/open-state.ts'
import { revokedAmong } from './state/revoked-among.ts'
import { revocationLimiter } from './take-revocations.ts'

/** Options of {@link openGateway}. */
export interface OpenGatewayOptions {
  /** The configuration, from `readGatewayConfig`. */
  readonly config: GatewayConfig
  /** The key of the vault. Default: `keyFile` or `unlock` of the configuration. */
  readonly vaultKey?: FileKey
  /**
   * Whether calls are only decided and recorded. **Every call then runs, also an unsigned or forbidden one.** Default
   * false.
   */
  readonly dryRun?: boolean
  /** Milliseconds for one call of a tool. Default 600,000; its outcome is then recorded as unknown. */
  readonly callTimeoutMs?: number
  /** Milliseconds for the calls in progress when the gateway is closed. Default 10,000. */
  readonly stopTimeoutMs?: number
  /** Receives events, for the person who runs the gateway. */
  readonly onEvent?: OnGatewayEvent
  /** Ends the start. A gateway that is open is closed by `close`. */
  readonly signal?: AbortSignal | undefined
}

/** A gateway that accepts connections. */
export interface Gateway {
  /** Its DID: the audience of the calls. */
  readonly did: string
  /** The socket, or the address. */
  readonly place: string
  /** The address of `/health` and `/metrics`, if there is one. */
  readonly adminPlace: string | undefined
  /** The address of the page for approvals, if there is one. */
  readonly approvalPage: string | undefined
  /** The servers, with the number of their tools. */
  servers(): readonly GatewayServer[]
  /** The HTTP APIs, by name. */
  apis(): ReadonlyMap<string, ApiConfig>
  /** The open sessions, with the DID of the agent where it has proved its delegation. */
  sessions(): readonly OpenSession[]
  health(): Promise<GatewayHealth>
  /**
   * Takes another configuration. Calls in progress end under the old one. Sessions with a server that has changed end.
   *
   * @throws ArgumentError when it cannot be taken; the old one goes on then.
   */
  reload(config: GatewayConfig): Promise<void>
  /** Takes the accepted tools, as it does by itself soon after their files have changed. */
  takeTools(): Promise<void>
  /** Finds the delegations that are revoked, by their CIDs and the DIDs whose revocations count. */
  revoked(ids: readonly string[]): Promise<readonly string[]>
  /** Looks again at the accepted tools, and at the tools of the servers. */
  refresh(): Promise<void>
  /**
   * Accepts no more connections and calls, waits for the calls in progress for a bounded time, ends the programs, and
   * closes log and state. A second call waits for the first one.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const checks = Object.freeze({
  config: objectValue,
  vaultKey: maybe(objectValue),
  dryRun: withDefault(flag, false),
  callTimeoutMs: withDefault(milliseconds, 600_000),
  stopTimeoutMs: withDefault(milliseconds, 10_000),
  onEvent: maybe(callback),
  signal: abortSignal,
}) satisfies OptionChecks<OpenGatewayOptions>

/**
 * Opens log, state and vault, closes the intents of an earlier process, and listens. Agents are served from then on.
 * The promise resolves when the gateway has looked at the tools of all servers.
 *
 * @throws ArgumentError when the configuration cannot be used, or a gateway runs already; the error of a part that does
 *   not open; the reason of `signal` when it is aborted.
 *
 * @example
 * ```ts
 * import { openGateway, readGatewayConfig } from 'procura-cli'
 *
 * const config = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * const gateway = await openGateway({ config })
 * console.log(gateway.did, gateway.place)
 * ```
 */
export async function openGateway(options: OpenGatewayOptions): Promise<Gateway> {
  const given = readOptions<OpenGatewayOptions, typeof checks>('openGateway', options, checks)
  const { config, dryRun, stopTimeoutMs } = given
  if ('socket' in config.listen) checkSocketPath(config.listen.socket)
  const closers: (() => Promise<unknown> | unknown)[] = []
  const onEvent = (event: GatewayEvent): void => void quietly(() => given.onEvent?.(event))
  try {
    await refuseSecondGateway(config.listen)
    const { parts, previous, meter, metrics } = await openParts(given, closers, onEvent)
    const queue = await openApprovalQueue({ folder: config.approvalsFolder, onEvent })
    closers.push(() => queue.close())
    const snapshots = await createSnapshots(config, { ...parts, onRevoked: queue.withdraw }, onEvent)
    closers.push(() => snapshots.close())
    const page = await openPage(config, { queue, revocations: parts.stores.revocations, snapshots, closers })
    // A socket is for one user. A dry run is for agents that have no delegations yet.
    const needsProof = !('socket' in config.listen) && !dryRun
    const connections = createConnections({
      snapshots,
      previous,
      queue,
      page: page?.url,
      dryRun,
      needsProof,
      stopMs: stopTimeoutMs,
      onEvent,
    })
    closers.push(() => connections.close())
    metrics.watch({ guard: { health: () => snapshots.current().guard.health() } })
    // Begun before it listens, so that a session waits for a server that was never seen.
    const looked = firstLook(snapshots, given.signal)
    looked.catch(() => undefined)
    const takePending = (): Promise<void> =>
      takePendingRevocations(config.path, {
        revoke: (...sent) => snapshots.current().service.revoke(...sent),
        isBehind: () => isBehind(snapshots.current().config),
        onEvent,
      })
    await takePending()
    const reloads = createReloads(config, async (next) => {
      // A server that does not list its tools does not keep the earlier program.
      await snapshots.reload(next, await approversOf(page, next), (changed) => void connections.endSessions(changed))
      // An owner that it did not act for may have signed some. The gateway goes on; those that fail stay for later.
      await takePending().catch(({ message }: Error) => onEvent({ level: 'error', event: 'failure', message }))
    })
    if (page !== undefined) closers.push(...(await followPage(page, reloads, snapshots, parts.onError)))
    const listener = await listen(config.listen, connections.take)
    closers.push(() => listener.close())
    closers.push(() => snapshots.end())
    // A program that found no listener a moment ago has left its revocation after the first look.
    await takePending()
    await looked
    const health = createHealth({ ...parts, snapshots, sessions: () => connections.sessions().length, dryRun })
    const admin = await openAdmin(config, health, () => meter.text())
    if (admin !== undefined) closers.push(() => admin.close())
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => (closing ??= closeAll(closers))
    return Object.freeze({
      did: parts.signer.did,
      place: listener.place,
      adminPlace: admin?.place,
      approvalPage: page?.url,
      servers: () => snapshots.servers(),
      apis: () => snapshots.current().apis,
      sessions: connections.sessions,
      health,
      reload: reloads.take,
      takeTools: snapshots.takeTools,
      revoked: (ids) => revokedAmong(parts.stores.revocations, ids),
      async refresh() {
        connections.recheck()
        await snapshots.refresh()
      },
      close,
      [Symbol.asyncDispose]: close,
    } satisfies Gateway)
  } catch (error) {
    await closeAll(closers).catch(() => undefined)
    throw error
  }
}

/** Whether the file of a configuration has other owners, or cannot be read now. */
async function isBehind({ path, subjects }: GatewayConfig): Promise<boolean> {
  const present = await readGatewayConfig(path).catch(() => undefined)
  return present === undefined || !haveSame(present.subjects, subjects)
}

/** A server may take half a minute to list its tools. */
async function firstLook(snapshots: Snapshots, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  signal?.addEventListener('abort', snapshots.end, { once: true })
  try {
    await snapshots.refresh()
  } finally {
    signal?.removeEventListener('abort', snapshots.end)
  }
  signal?.throwIfAborted()
}

async function openAdmin(
  { admin }: GatewayConfig,
  health: () => Promise<GatewayHealth>,
  metrics: () => string,
): Promise<AdminListener | undefined> {
  return admin === undefined ? undefined : serveAdmin({ ...admin, health, metrics })
}

async function unlocked(unlock: VaultUnlock | undefined): Promise<FileKey | undefined> {
  return unlock === undefined ? undefined : { passphrase: await passphraseOfVault(unlock) }
}

interface OpenedParts {
  readonly parts: Omit<GatewayParts, 'onRevoked'> & { readonly sink: ReturnType<typeof withHealth> }
  /** Signers of the earlier keys of the gateway. */
  readonly previous: readonly Signer[]
  readonly meter: ReturnType<typeof createTextMeter>
  readonly metrics: ReturnType<typeof createMetrics>
}

async function openParts(
  given: OpenGatewayOptions & { readonly callTimeoutMs: number; readonly stopTimeoutMs: number },
  closers: (() => unknown)[],
  onEvent: OnGatewayEvent,
): Promise<OpenedParts> {
  const { config, vaultKey, callTimeoutMs, stopTimeoutMs } = given
  checkNotMoved(config.path, config.moved)
  const { keyFile, unlock } = config.vault
  const key = vaultKey ?? (keyFile === undefined ? await unlocked(unlock) : { keyFile })
  const { signer, previous } = await openSignerFile({ path: config.service.key })
  // A tool or an API may need minutes for its answer. A key that is missing is reported by the vault, which knows the
  // remedy.
  const settings = { upstreamTimeoutMs: callTimeoutMs }
  const vault = await openFileVault({ path: config.vault.file, key: key as FileKey, ...settings })
  const log = await openJsonlAuditSink({
    directory: config.audit.directory,
    outcomes: 'written',
    onWait: (message) => onEvent({ level: 'warning', event: 'waiting', message }),
  })
  closers.push(() => log.close())
  const isFirst = log.position().sequence === 0
  const state = await openState({ file: config.state.file, isFirst })
  closers.push(() => state.close())
  const sink = withHealth(confirmClaims(log, state.synced))
  // GTW-36: the lock of the log proves that the process that began these calls has ended.
  const { recovered } = await recoverIntents({ sink })
  if (recovered.length > 0) {
    const calls = recovered.length === 1 ? '1 call' : `${recovered.length} calls`
    const message = `${calls} of an earlier process had no outcome on record, which is now unknown`
    onEvent({ level: 'warning', event: 'intents_closed', message })
  }
  const ledger = recordSeen({ sink, directory: config.audit.directory, onEvent })
  closers.push(() => ledger.settled())
  const onError = (error: unknown): void => {
    const { code = 'unknown' } = Object(error) as { readonly code?: string }
    onEvent({ level: 'error', event: 'failure', message: `a part of the gateway failed (${code})` })
  }
  const { replay, revocations, limitStore } = state.stores
  const prunable = [replay, revocations, limitStore] as unknown as Parameters<typeof pruneRegularly>[0]['stores']
  const pruning = pruneRegularly({ stores: prunable, onError })
  closers.push(() => pruning.close())
  const meter = createTextMeter()
  const metrics = createMetrics({ meter })
  metrics.watch({ sink })
  const stores = metrics.stores(state.stores)
  const patience = { callMs: callTimeoutMs, stopMs: stopTimeoutMs }
  const parts = { signer, vault, sink, ledger, stores, metrics, limiter: revocationLimiter(), ...patience, onError }
  return { parts, previous, meter, metrics }
}

/** In the reverse order of their opening. A part that fails does not leave the others open. */
async function closeAll(closers: readonly (() => Promise<unknown> | unknown)[]): Promise<void> {
  const errors: unknown[] = []
  for (const close of [...closers].reverse()) {
    try {
      await close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
