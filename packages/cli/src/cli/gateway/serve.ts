// node only: listens on sockets
import process from 'node:process'
import type { FileKey } from 'procura/vault/file'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { GatewayEvent } from '../../gateway/serve/events.ts'
import { type Gateway, openGateway } from '../../gateway/serve/open-gateway.ts'
import { inMessage } from '../home/host-at-home.ts'
import { vaultKey, vaultVariable } from '../home/vault-key.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { configOf } from './tools.ts'

/**
 * `procura serve`: runs the gateway until SIGTERM or SIGINT. SIGHUP takes a new configuration, and looks at the tools
 * again. A second signal ends the process at once.
 */
export async function serve(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; the servers and APIs are in gateway.json')
  const isJson = flags['json'] === true
  const dryRun = flags['dry-run'] === true
  const config = await configOf(flags, host)
  const onEvent = (event: GatewayEvent): void => {
    if (isJson) host.print(JSON.stringify(event))
    else host.complain(`${event.level}: ${event.message}`)
  }
  const key = await keyOf(config, host)
  const signals = listenToSignals(host)
  let gateway: Gateway
  try {
    gateway = await openGateway({ config, dryRun, onEvent, signal: signals.ending, ...key })
  } catch (error) {
    // A signal during the start ends the programs that are asked for their tools, too.
    if (!signals.ending.aborted) throw error
    onEvent({ level: 'info', event: 'stopping', message: 'ended by a signal before it listened' })
    return 0
  }
  signals.onHangUp(() => void reload(gateway, () => configOf(flags, host), onEvent))
  announce(gateway, dryRun, flags, host)
  if (!signals.ending.aborted)
    await new Promise((resolve) => signals.ending.addEventListener('abort', resolve, { once: true }))
  onEvent({ level: 'info', event: 'stopping', message: 'stopping; waiting for the calls in progress' })
  await gateway.close()
  return 0
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
  /** SIGHUP does nothing before. */
  onHangUp(reload: () => void): void
}

function listenToSignals(host: Host): Signals {
  const controller = new AbortController()
  let hangUp = (): void => undefined
  const end = (): void => {
    if (controller.signal.aborted) process.exit(2)
    controller.abort()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
  host.signal?.addEventListener('abort', end, { once: true })
  process.on('SIGHUP', () => hangUp())
  return {
    ending: controller.signal,
    onHangUp(reload) {
      hangUp = reload
    },
  }
}

/** GTW-34: a configuration with a fault changes nothing. */
async function reload(
  gateway: Gateway,
  read: () => Promise<GatewayConfig>,
  onEvent: (event: GatewayEvent) => void,
): Promise<void> {
  try {
    await gateway.reload(await read())
    onEvent({ level: 'info', event: 'reloaded', message: 'took the new configuration' })
    await gateway.refresh()
  } catch (error) {
    const message = `the new configuration is invalid, and the old one stays in use: ${(error as Error).message}`
    onEvent({ level: 'error', event: 'reload_failed', message })
  }
}

function announce(gateway: Gateway, dryRun: boolean, flags: Flags, host: Host): void {
  const { did, place, adminPlace, approvalPage } = gateway
  if (flags['json'] === true) {
    const places = {
      ...(adminPlace !== undefined && { admin: adminPlace }),
      ...(approvalPage !== undefined && { approvalPage }),
    }
    const apis = [...gateway.apis()].map(([name, { origin }]) => ({ name, origin }))
    const facts = { process: process.pid, place, audience: did, ...places, dryRun, servers: gateway.servers(), apis }
    host.print(JSON.stringify({ event: 'listening', ...facts }))
    return
  }
  if (dryRun) host.complain('warning: DRY RUN: every call runs, also a forbidden one; decisions are only recorded')
  host.print(`listening on ${place}`)
  host.print(`audience ${did}`)
  if (process.platform !== 'win32')
    host.print(`process ${process.pid}; \`kill -HUP ${process.pid}\` takes a changed configuration`)
  if (adminPlace !== undefined) host.print(`health and metrics on http://${adminPlace}`)
  if (approvalPage !== undefined) host.print(`approvals on ${approvalPage}`)
  for (const [name, { origin }] of gateway.apis()) host.print(`API ${name}: ${origin}`)
  for (const { name, type, tools, waiting, fault } of gateway.servers()) {
    const rest = waiting === 0 ? '' : inMessage(`, ${waiting} waiting; see \`procura tools list ${name}\``, flags, host)
    host.print(
      `server ${name} (${type}): ${fault === undefined ? `${tools} ${tools === 1 ? 'tool' : 'tools'}${rest}` : `not available: ${fault}`}`,
    )
  }
}
