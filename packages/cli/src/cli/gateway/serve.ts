// node only: listens on sockets
import { dirname } from 'node:path'
import process from 'node:process'
import { systemClock } from 'procura'
import type { FileKey } from 'procura/vault/file'
import { createMutex } from '#support/mutex.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { type ControlListener, serveControl } from '../../gateway/serve/control/serve-control.ts'
import type { GatewayEvent } from '../../gateway/serve/events.ts'
import { type Gateway, openGateway } from '../../gateway/serve/open-gateway.ts'
import { controlPlace, type RunningParts, type RunningStatus } from '../../gateway/wire/control.ts'
import { proxyOf, proxyReason } from '../../support/proxy.ts'
import { checkSocketPath } from '../../support/socket-path.ts'
import { hostAtHome, inMessage } from '../home/host-at-home.ts'
import { vaultKey, vaultVariable } from '../home/vault-key.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { fileStamp } from './file-stamp.ts'
import { notificationsOf } from './notifications.ts'
import { partLines } from './part-lines.ts'
import { hostWithLog } from './serve-log.ts'
import { configOf, configPlace } from './tools.ts'
import { warnOfEnds } from './warn-of-ends.ts'

/**
 * `procura serve`: runs the gateway until SIGTERM or SIGINT, or until its terminal is gone. SIGHUP takes a new
 * configuration, and looks at the tools again. A second signal ends the process at once.
 */
export async function serve(words: readonly string[], flags: Flags, outside: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; the servers and APIs are in gateway.json')
  const isJson = flags['json'] === true
  const dryRun = flags['dry-run'] === true
  const isBackground = flags['background'] === true
  const host = isBackground ? hostAtHome(hostWithLog(outside, dirname(configPlace(flags, outside))), flags) : outside
  const sent = isBackground ? await sentPassphrase(outside) : undefined
  const stamp = await fileStamp(configPlace(flags, host))
  const config = await configOf(flags, host)
  if (process.platform !== 'win32') checkSocketPath(controlPlace(config.path))
  const onEvent = (event: GatewayEvent): void => {
    if (isJson) host.print(JSON.stringify(event))
    else host.complain(`${event.level}: ${event.message}`)
    notifications.take(event)
  }
  const notifications = notificationsOf(config, flags, host, onEvent)
  tellProxy(host, onEvent)
  const key = sent === undefined ? await keyOf(config, host) : { vaultKey: { passphrase: sent } }
  const signals = listenToSignals(host)
  try {
    let gateway: Gateway
    try {
      gateway = await openGateway({ config, dryRun, onEvent, signal: signals.ending, ...key })
    } catch (error) {
      // A signal during the start ends the programs that are asked for their tools, too.
      if (!signals.ending.aborted) throw error
      onEvent({ level: 'info', event: 'stopping', message: 'ended by a signal before it listened' })
      return 0
    }
    const reload = reloadOf(gateway, () => configOf(flags, host).then(notifications.follow), onEvent)
    let control: ControlListener | undefined
    try {
      control = await openControl(gateway, config, { dryRun, reload, stop: signals.end })
    } catch (error) {
      await gateway.close()
      throw error
    }
    signals.onHangUp(() => void reload().catch(() => undefined))
    announce(gateway, dryRun, flags, host)
    // A verb that has changed the file a moment ago has found no gateway.
    if (stamp !== (await fileStamp(config.path))) await reload().catch(() => undefined)
    const stopWarnings = await warnOfEnds(dirname(config.path), flags, host, onEvent)
    if (!signals.ending.aborted)
      await new Promise((resolve) => signals.ending.addEventListener('abort', resolve, { once: true }))
    stopWarnings()
    notifications.close()
    // The next gateway waits for the locks of this one, and may listen there as soon as it has them.
    await control?.close()
    onEvent({ level: 'info', event: 'stopping', message: 'stopping; waiting for the calls in progress' })
    await gateway.close()
    return 0
  } finally {
    signals.ignore()
  }
}

/** Names the proxy without its password. An invalid one keeps no program of this machine from its calls. GTW-53 */
function tellProxy({ env }: Host, onEvent: (event: GatewayEvent) => void): void {
  try {
    const proxy = proxyOf(env)
    if (proxy === undefined) return
    const message = `requests to other machines go through the proxy ${proxy.url.origin} of ${proxy.variable}`
    onEvent({ level: 'info', event: 'proxy', message })
  } catch (error) {
    const message = `${proxyReason(error)}; requests to other machines fail until the gateway is started with another one`
    onEvent({ level: 'error', event: 'proxy', message })
  }
}

/** The passphrase that `start` sends. */
async function sentPassphrase(host: Host): Promise<string | undefined> {
  const text = new TextDecoder().decode(await host.readInput(65_536))
  return text === '' ? undefined : text
}

async function keyOf({ vault }: GatewayConfig, host: Host): Promise<{ readonly vaultKey?: FileKey }> {
  try {
    return vault.keyFile === undefined ? { vaultKey: await vaultKey(vault, host, false) } : {}
  } finally {
    // GTW-16: no child process has it, and no report of the runtime.
    Reflect.deleteProperty(host.env, vaultVariable)
  }
}

interface Signals {
  /** Aborted when the gateway has to end. */
  readonly ending: AbortSignal
  /** Begins the end, once. */
  end(): void
  /** SIGHUP does nothing before. */
  onHangUp(reload: () => void): void
  /** Listens to no signals any more. */
  ignore(): void
}

function listenToSignals(host: Host): Signals {
  const controller = new AbortController()
  let hangUp = (): void => undefined
  const end = (): void => {
    if (controller.signal.aborted) process.exit(2)
    controller.abort()
  }
  // Closing a window sends the same signal as `kill -HUP`.
  const hungUp = (): void => (host.lostTerminal?.() === true ? controller.abort() : hangUp())
  const handlers = { SIGTERM: end, SIGINT: end, SIGHUP: hungUp }
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  host.signal?.addEventListener('abort', end, { once: true })
  return {
    ending: controller.signal,
    end: () => controller.abort(),
    onHangUp(reload) {
      hangUp = reload
    },
    ignore() {
      for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
      host.signal?.removeEventListener('abort', end)
    },
  }
}

/** Makes the reloads, one after the other: of two, the one that is taken last has read the file last. */
function reloadOf(
  gateway: Gateway,
  read: () => Promise<GatewayConfig>,
  onEvent: (event: GatewayEvent) => void,
): () => Promise<void> {
  const inTurn = createMutex()
  return () =>
    inTurn(async () => {
      try {
        await gateway.reload(await read())
        onEvent({ level: 'info', event: 'reloaded', message: 'took the new configuration' })
        await gateway.refresh()
      } catch (error) {
        // GTW-34: a configuration with a fault changes nothing.
        const message = `the new configuration is invalid, and the old one stays in use: ${(error as Error).message}`
        onEvent({ level: 'error', event: 'reload_failed', message })
        throw error
      }
    })
}

/** Windows has no sockets in folders. */
async function openControl(
  gateway: Gateway,
  { path }: GatewayConfig,
  {
    dryRun,
    reload,
    stop,
  }: { readonly dryRun: boolean; readonly reload: () => Promise<void>; readonly stop: () => void },
): Promise<ControlListener | undefined> {
  if (process.platform === 'win32') return undefined
  const started = systemClock.now()
  return serveControl({
    socket: controlPlace(path),
    async status(): Promise<RunningStatus> {
      const { healthy, reasons, calls } = await gateway.health()
      const state = { started, dryRun, sessions: gateway.sessions(), calls, healthy, reasons }
      return { process: process.pid, ...placesOf(gateway), ...state, ...partsOf(gateway) }
    },
    async reload() {
      await reload()
      return partsOf(gateway)
    },
    async tools() {
      await gateway.takeTools()
      return partsOf(gateway)
    },
    revoked: gateway.revoked,
    stop,
  })
}

function partsOf(gateway: Gateway): RunningParts {
  const apis = [...gateway.apis()].map(([name, { origin }]) => ({ name, origin }))
  return { servers: gateway.servers(), apis }
}

function placesOf({
  did: audience,
  place,
  adminPlace,
  approvalPage,
}: Gateway): Pick<RunningStatus, 'place' | 'audience' | 'admin' | 'approvalPage'> {
  return {
    ...{ place, audience },
    ...(adminPlace !== undefined && { admin: adminPlace }),
    ...(approvalPage !== undefined && { approvalPage }),
  }
}

function announce(gateway: Gateway, dryRun: boolean, flags: Flags, host: Host): void {
  if (flags['json'] === true) {
    const facts = { process: process.pid, ...placesOf(gateway), dryRun, ...partsOf(gateway) }
    host.print(JSON.stringify({ event: 'listening', ...facts }))
    return
  }
  const { did, place, adminPlace, approvalPage } = gateway
  if (dryRun) host.complain('warning: DRY RUN: every call runs, also a forbidden one; decisions are only recorded')
  host.print(`listening on ${place}`)
  host.print(`audience ${did}`)
  if (process.platform !== 'win32')
    host.print(inMessage(`process ${process.pid}; \`procura reload\` takes a changed configuration`, flags, host))
  if (adminPlace !== undefined) host.print(`health and metrics on http://${adminPlace}`)
  if (approvalPage !== undefined) host.print(`approvals on ${approvalPage}`)
  for (const line of partLines(partsOf(gateway), flags, host)) host.print(line)
}
