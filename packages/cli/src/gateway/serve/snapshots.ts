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
import { createToolWatch, type ToolWatch } from './tools/tool-watch.ts'
import { checkCredentials } from './upstream/check-credentials.ts'
import { presentOwnCalls } from './upstream/own-calls.ts'

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
   * Takes another configuration, and looks at the servers that are others then. A look that fails is reported: the
   * configuration is in use already.
   *
   * @param browsers - the keys of the page for approvals. Default: those of before.
   * @param onTaken - gets the servers whose sessions have to end, before any server is looked at.
   * @throws ArgumentError when it cannot be taken.
   */
  reload(
    config: GatewayConfig,
    browsers?: readonly string[],
    onTaken?: (changed: readonly string[]) => void,
  ): Promise<void>
  /** Notes the tools that a session has seen, if its server still has this configuration. Never rejects. */
  seen(server: string, config: GuardedServer['config'], found: FoundTools): Promise<void>
  /** Asks each server for its tools, and takes the accepted ones. */
  refresh(): Promise<void>
  /** Resolves when a server that was never seen has listed its tools, or has not in time; at once for another one. */
  met(server: string): Promise<void>
  /** Takes the accepted tools. */
  takeTools(): Promise<void>
  /** Ends the looks at tools that are under way, and makes no further one. A session that waits for one goes on. */
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
  const book = createToolBook(config.toolsFolder, () => present.config)
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

  const looks = createLooks(
    watch,
    () => present,
    async () => {
      await inTurn(async () => {
        if (!ending.signal.aborted) await next(present.config)
      })
    },
  )

  const takeTools = (): Promise<void> => inTurn(() => next(present.config))
  const watcher = await watchTools(config.toolsFolder, () => void takeTools().catch(parts.onError))

  return {
    current: () => present,
    servers: () =>
      [...present.servers].map(([name, { config, commands, pins }]) => {
        return { name, type: config.type, tools: commands.size, ...watch.stateOf(name, pins) }
      }),
    async seen(server, configured, found) {
      // A session goes on for a while with the program of an earlier configuration.
      const isPresent = (): boolean => present.servers.get(server)?.config === configured
      if (isPresent() && (await watch.note(server, found, isPresent))) await takeTools().catch(parts.onError)
    },
    met: looks.met,
    refresh: () => looks.at([...present.config.servers.keys()]),
    async reload(given, browsers, onTaken) {
      const { before, following } = await inTurn(async () => {
        assertSameParts(present.config, given)
        const following = withKept(present.config, given)
        await checkCredentials(following, parts.vault)
        const before = present.config.servers
        await next(following, browsers)
        return { before, following: following.servers }
      })
      const isOther = (name: string): boolean => following.get(name) !== before.get(name)
      onTaken?.([...before.keys()].filter(isOther))
      await looks.at([...following.keys()].filter(isOther)).catch(parts.onError)
    },
    takeTools,
    end: () => ending.abort(),
    async close() {
      // A server that does not list its tools would hold the end.
      ending.abort()
      watcher.close()
      await looks.settled()
      await inTurn(async () => undefined)
      await Promise.all([present.close(), ...retiring])
    },
  }
}

/** Looks at the tools of several servers at once. */
interface Looks {
  at(servers: readonly string[]): Promise<void>
  /** As of {@link Snapshots}. */
  met(server: string): Promise<void>
  /** Resolves when no look is under way. */
  settled(): Promise<unknown>
}

/**
 * Makes the looks. GTW-92: a server that does not answer holds neither the tools of the others nor a reload.
 *
 * @param take - makes a snapshot with the accepted tools.
 */
function createLooks(watch: ToolWatch, present: () => Snapshot, take: () => Promise<void>): Looks {
  const looking = new Map<string, Promise<void>>()
  const all = new Set<Promise<void>>()
  const own = presentOwnCalls(present)

  async function lookAt(server: string): Promise<void> {
    const { config } = present().servers.get(server) ?? {}
    const isPresent = (): boolean => present().servers.get(server)?.config === config
    if (await watch.look(server, { servers: present().servers, own }, isPresent)) await take()
  }

  function begin(server: string): Promise<void> {
    const look = lookAt(server).finally(() => {
      all.delete(look)
      if (looking.get(server) === look) looking.delete(server)
    })
    looking.set(server, look)
    all.add(look)
    return look
  }

  return {
    async at(servers) {
      await Promise.all(servers.map(begin))
      await take()
    },
    async met(server) {
      const isKnown = (present().servers.get(server)?.pins.size ?? 0) > 0
      if (!isKnown) await looking.get(server)?.catch(() => undefined)
    },
    // Also one of an earlier configuration, whose program still runs.
    settled: () => Promise.allSettled(all),
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
