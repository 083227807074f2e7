// node only: reads files
/**
 * The present snapshot of a gateway, and the ways in which the next one comes: a reload, and accepted tools.
 *
 * @module
 */

import { type FSWatcher, watch as watchFolder } from 'node:fs'
import { ArgumentError } from 'procura/errors'
import { makeFolders } from '#support/make-folders.ts'
import { createMutex } from '#support/mutex.ts'
import { quote } from '#support/quote.ts'
import type {
  ApiConfig,
  GatewayConfig,
  HttpServerConfig,
  StdioServerConfig,
} from '../configuration/read-gateway-config.ts'
import type { OnGatewayEvent } from './events.ts'
import { createSnapshot, type GatewayParts, type GuardedServer, type Snapshot } from './snapshot.ts'
import type { FoundTools } from './tools/list-tools.ts'
import { createToolBook } from './tools/tool-book.ts'
import { createToolWatch } from './tools/tool-watch.ts'
import { checkCredentials } from './upstream/check-credentials.ts'

/** A server of a gateway, for people. */
export interface GatewayServer {
  readonly name: string
  readonly type: 'stdio' | 'http'
  /** The number of its tools that can be called. */
  readonly tools: number
  /** The number of tools that wait until somebody accepts them. */
  readonly waiting: number
  /** Why its tools could not be listed. */
  readonly fault?: string
}

/** The snapshots of a gateway. */
export interface Snapshots {
  current(): Snapshot
  servers(): readonly GatewayServer[]
  /**
   * Takes another configuration.
   *
   * @param browsers - the keys of the page for approvals. Default: those of before.
   * @returns the servers whose sessions have to end.
   * @throws ArgumentError when it cannot be taken.
   */
  reload(config: GatewayConfig, browsers?: readonly string[]): Promise<readonly string[]>
  /** Notes the tools that a session has seen, if its server still has this configuration. Never rejects. */
  seen(server: string, config: GuardedServer['config'], found: FoundTools): Promise<void>
  /** Asks each server for its tools, and takes the accepted ones. */
  refresh(): Promise<void>
  /** Ends a look at the tools of servers that is under way, and makes no further one. */
  end(): void
  close(): Promise<void>
}

/** Milliseconds after a change of a file of tools, so that several changes are taken together. */
const settleMs = 50

/** Makes the first snapshot, from the tools that were accepted earlier. */
export async function createSnapshots(
  config: GatewayConfig,
  parts: GatewayParts,
  onEvent: OnGatewayEvent,
): Promise<Snapshots> {
  const inTurn = createMutex()
  const book = createToolBook({ folder: config.toolsFolder, firstUse: () => present.config.tools === 'first-use' })
  const ending = new AbortController()
  const watch = createToolWatch(book, onEvent, ending.signal)
  const retiring = new Set<Promise<void>>()
  await checkCredentials(config, parts.vault)
  let present = await createSnapshot(config, await book.accepted(config.servers.keys()), parts)
  reportUnusable(present, onEvent)

  async function next(following: GatewayConfig, browsers = present.browsers): Promise<void> {
    const accepted = await book.accepted(following.servers.keys())
    const made = await createSnapshot(following, accepted, parts, browsers)
    const old = present
    present = made
    const retired: Promise<void> = old
      .retire()
      .catch(parts.onError)
      .finally(() => retiring.delete(retired))
    retiring.add(retired)
    reportUnusable(made, onEvent)
  }

  async function lookAt(servers: readonly string[]): Promise<void> {
    await Promise.all(servers.map((server) => watch.look(server, present)))
    await next(present.config)
  }

  const watcher = await watchTools(config.toolsFolder, () => {
    void inTurn(() => next(present.config)).catch(parts.onError)
  })

  return {
    current: () => present,
    servers: () =>
      [...present.servers].map(
        ([
          name,
          {
            config: { type },
            commands,
            pins,
          },
        ]) => {
          return { name, type, tools: commands.size, ...watch.stateOf(name, pins) }
        },
      ),
    async seen(server, configured, found) {
      // A session goes on for a while with the program of an earlier configuration.
      if (present.servers.get(server)?.config === configured) await watch.note(server, found)
    },
    refresh: () => inTurn(() => lookAt([...present.config.servers.keys()])),
    reload: (given, browsers) =>
      inTurn(async () => {
        assertSameParts(present.config, given)
        const following = withKept(present.config, given)
        await checkCredentials(following, parts.vault)
        const before = present.config.servers
        await next(following, browsers)
        const changed = [...before.keys()].filter((name) => following.servers.get(name) !== before.get(name))
        await lookAt([...following.servers.keys()].filter((name) => following.servers.get(name) !== before.get(name)))
        return changed
      }),
    end: () => ending.abort(),
    async close() {
      // A server that does not list its tools would hold the end.
      ending.abort()
      watcher.close()
      await inTurn(async () => undefined)
      await Promise.all([present.close(), ...retiring])
    },
  }
}

/** The parts that a process opens once. */
function assertSameParts(before: GatewayConfig, next: GatewayConfig): void {
  const fixed = ['listen', 'service', 'vault', 'audit', 'state', 'admin', 'toolsFolder'] as const
  const pages = [before, next].map(({ approvals }) => JSON.stringify(approvals?.page))
  if (pages[0] !== pages[1])
    throw new ArgumentError(`${next.path}: \`approvals.page\` cannot change while the gateway runs; restart it`)
  const changed = fixed.find((name) => JSON.stringify(before[name]) !== JSON.stringify(next[name]))
  if (changed !== undefined)
    throw new ArgumentError(`${next.path}: \`${changed}\` cannot change while the gateway runs; restart it`)
}

/** The next configuration, with the servers and APIs that are the same as before: their sessions go on. */
function withKept(before: GatewayConfig, next: GatewayConfig): GatewayConfig {
  const kept = new Map<string, StdioServerConfig | HttpServerConfig>()
  for (const [name, server] of next.servers) {
    const old = before.servers.get(name)
    kept.set(name, old !== undefined && JSON.stringify(old) === JSON.stringify(server) ? old : server)
  }
  const apis = new Map(
    [...next.apis].map(([name, api]) => {
      const old = before.apis.get(name)
      return [name, JSON.stringify(old) === JSON.stringify(api) ? (old as ApiConfig) : api] as const
    }),
  )
  return { ...next, servers: kept, apis }
}

async function watchTools(folder: string, onChange: () => void): Promise<Pick<FSWatcher, 'close'>> {
  await makeFolders(folder)
  let timer: NodeJS.Timeout | undefined
  const watcher = watchFolder(folder, { persistent: false }, (_, name) => {
    if (name === null || !/^[a-z0-9_-]+\.json$/.test(name)) return
    clearTimeout(timer)
    timer = setTimeout(onChange, settleMs)
    timer.unref()
  })
  watcher.on('error', () => undefined)
  return {
    close() {
      watcher.close()
      clearTimeout(timer)
    },
  }
}

function reportUnusable({ servers }: Snapshot, onEvent: OnGatewayEvent): void {
  for (const [server, { unusable }] of servers) {
    for (const [tool, reason] of unusable) {
      const message = `the tool ${quote(tool)} of ${quote(server)} cannot be called: ${reason}`
      onEvent({ level: 'warning', event: 'tool_unusable', server, message })
    }
  }
}
