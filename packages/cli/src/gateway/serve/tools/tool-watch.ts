// node only: starts programs
import { type PinnedTool, toolHash } from 'procura/mcp'
import { createMutex, type Mutex } from '#support/mutex.ts'
import { quote } from '#support/quote.ts'
import type { AllowedRequests } from '../../configuration/passing-methods.ts'
import type { OnGatewayEvent } from '../events.ts'
import { createRate, type Rate } from '../rate.ts'
import type { GuardedServer, Snapshot } from '../snapshot.ts'
import { openUpstream } from '../upstream/open-upstream.ts'
import type { OwnCalls } from '../upstream/own-calls.ts'
import type { ComparedTool } from './compare-tools.ts'
import { type FoundTools, type ListedServer, listTools } from './list-tools.ts'
import type { NotedTools, ToolBook } from './tool-book.ts'

/** Milliseconds in which a server must list its tools. A program may be fetched at its first start. */
const listMs = 30_000

/** How often a list of a session is written: a server can change its tools without end. */
const pace = Object.freeze({ atOnce: 20, eachMs: 1_000 })

/** The servers, and the calls that the gateway makes for a look. A snapshot can end before the look. */
export interface LookParts extends Pick<Snapshot, 'servers'> {
  readonly own: Pick<OwnCalls, 'secretsOf' | 'send'>
}

/** Looks at the tools of servers, and remembers what was found. */
export interface ToolWatch {
  /**
   * Asks a server for its tools. A failure is remembered and reported.
   *
   * @param isPresent - whether the server still has this configuration. The list of an earlier one is not noted.
   * @returns whether tools were accepted by this.
   */
  look(server: string, parts: LookParts, isPresent: () => boolean): Promise<boolean>
  /**
   * Notes the list of a session if it differs from the last one. A failure is remembered and reported. A list that the
   * session repeats is older than what another session had since, a fault too. It is noted if a write has failed.
   *
   * @param isPresent - as of `look`.
   * @returns whether a new title or description was accepted by this.
   */
  note(server: string, found: FoundTools, isPresent: () => boolean): Promise<boolean>
  stateOf(server: string, pins: GuardedServer['pins']): { readonly waiting: number; readonly fault?: string }
}

/** What is known about a server. */
interface Known {
  /** The hashes of its tools, by their names. */
  hashes?: ReadonlyMap<string, string>
  fault?: string
  /** Whether the last write has failed. */
  isUnwritten?: boolean
  /** The newest list of a session that is not written yet. */
  next?: { readonly found: FoundTools; readonly isPresent: () => boolean }
  timer?: NodeJS.Timeout
  readonly rate: Rate
  readonly inTurn: Mutex
}

/**
 * Makes the watch.
 *
 * @param ending - ends a look that is under way.
 */
export function createToolWatch(book: ToolBook, onEvent: OnGatewayEvent, ending: AbortSignal): ToolWatch {
  const servers = new Map<string, Known>()

  function knownOf(server: string): Known {
    const known = servers.get(server) ?? { rate: createRate(pace), inTurn: createMutex() }
    servers.set(server, known)
    return known
  }

  async function write(server: string, tools: readonly PinnedTool[], firstUse: boolean): Promise<boolean> {
    const known = knownOf(server)
    const noted = await book.note(server, tools, { firstUse })
    Object.assign(known, { hashes: await hashesOf(tools), isUnwritten: false })
    Reflect.deleteProperty(known, 'fault')
    report(server, noted, onEvent)
    return noted.accepted.length > 0 || noted.reworded.length > 0
  }

  function fail(server: string, message: string): void {
    if (ending.aborted || knownOf(server).fault?.startsWith(message) === true) return
    knownOf(server).fault = message
    const about = `the tools of ${quote(server)} could not be listed: ${message}`
    onEvent({ level: 'warning', event: 'server_unavailable', server, message: about })
  }

  async function writeNext(server: string): Promise<boolean> {
    const known = knownOf(server)
    const { next } = known
    Reflect.deleteProperty(known, 'next')
    // It may have waited while the configuration changed.
    if (next?.isPresent() !== true) return false
    const { found } = next
    try {
      if ('fault' in found) fail(server, found.fault)
      else if (await isNews(known, found.tools)) return await write(server, found.tools, false)
    } catch (error) {
      known.isUnwritten = true
      fail(server, (error as Error).message)
    }
    return false
  }

  return {
    async look(server, { servers: present, own }, isPresent) {
      const found = present.get(server)
      if (found === undefined) return false
      const known = knownOf(server)
      try {
        const { tools, announced } = await listServer(server, found.config, own, ending)
        if (!isPresent()) return false
        // It may have waited for its turn while the configuration changed.
        const isAccepted = await known.inTurn(async () => isPresent() && write(server, tools, true))
        reportRefused(server, announced, found.config.allow ?? [], onEvent)
        return isAccepted
      } catch (error) {
        if (!isPresent()) return false
        Reflect.deleteProperty(known, 'fault')
        fail(server, (error as Error).message)
        return false
      }
    },
    async note(server, found, isPresent) {
      const known = knownOf(server)
      if ('tools' in found && found.isRepeated === true && known.isUnwritten !== true) return false
      known.next = { found, isPresent }
      if (known.timer !== undefined) return false
      const isDue = 'fault' in found || (await isNews(known, found.tools).catch(() => true))
      const waitMs = isDue ? known.rate.take() : 0
      if (waitMs === 0) return known.inTurn(() => writeNext(server))
      // The session does not wait for a server that changes its tools all the time.
      known.timer = setTimeout(() => {
        Reflect.deleteProperty(known, 'timer')
        if (!ending.aborted) void known.inTurn(() => writeNext(server))
      }, waitMs)
      known.timer.unref()
      return false
    },
    stateOf: (server, pins) => stateIn(knownOf(server), pins),
  }
}

function stateIn({ hashes = new Map(), fault }: Known, pins: GuardedServer['pins']): ReturnType<ToolWatch['stateOf']> {
  const waiting = [...hashes].filter(([name, hash]) => pins.get(name) !== hash).length
  return { waiting, ...(fault !== undefined && { fault }) }
}

/** Whether a list is another one than the last, or the first after a fault. */
async function isNews({ hashes, fault }: Known, tools: readonly PinnedTool[]): Promise<boolean> {
  const found = await hashesOf(tools)
  if (fault !== undefined || hashes?.size !== found.size) return true
  return [...found].some(([name, hash]) => hashes.get(name) !== hash)
}

async function hashesOf(tools: readonly PinnedTool[]): Promise<ReadonlyMap<string, string>> {
  return new Map(await Promise.all(tools.map(async (tool) => [tool.name, await toolHash(tool)] as const)))
}

/**
 * Asks a server for its tools, in a session of its own.
 *
 * @throws an error whose message contains no text of the server but the last lines of its standard error. It is for
 *   the owner, never for an agent.
 */
export async function listServer(
  server: string,
  config: Parameters<typeof openUpstream>[1],
  own: LookParts['own'],
  ending: AbortSignal,
): Promise<ListedServer> {
  ending.throwIfAborted()
  const { transport, errors, stop } = await openUpstream(server, config, own, true)
  try {
    return await listTools(transport, listMs, ending)
  } catch (error) {
    await stop()
    const words = await errors?.words()
    if (words === undefined || words === '') throw error
    throw new Error(`${(error as Error).message}; its standard error ends with ${words}`)
  } finally {
    await stop()
  }
}

/** GTW-39: somebody who misses the resources of a server finds the reason. */
function reportRefused(
  server: string,
  announced: readonly AllowedRequests[],
  allow: readonly AllowedRequests[],
  onEvent: OnGatewayEvent,
): void {
  const refused = announced.filter((name) => !allow.includes(name))
  if (refused.length === 0) return
  const names = refused.join(', ')
  const message = `${quote(server)} has ${names}, which do not pass, because nobody signs or accepts them; \`allow\` of the server in gateway.json permits them to every process that can connect`
  onEvent({ level: 'info', event: 'requests_refused', server, message })
}

function report(server: string, { accepted, reworded, waiting }: NotedTools, onEvent: OnGatewayEvent): void {
  if (accepted.length > 0) {
    const message = `accepted ${accepted.length} ${accepted.length === 1 ? 'tool' : 'tools'} of ${quote(server)} at first sight; review them with \`procura tools list ${server}\``
    onEvent({ level: 'info', event: 'tools_accepted', server, message })
  }
  if (reworded.length > 0) {
    const message = `accepted new words of ${reworded.length} ${reworded.length === 1 ? 'tool' : 'tools'} of ${quote(server)}, because \`acceptDescriptions\` in gateway.json trusts them: ${named(reworded)}`
    onEvent({ level: 'info', event: 'tools_accepted', server, message })
  }
  if (waiting.length > 0) {
    const message = `${waiting.length} new or changed tools of ${quote(server)} are refused until somebody accepts them: ${named(waiting)}; see \`procura tools list ${server}\``
    onEvent({ level: 'warning', event: 'tools_waiting', server, message })
  }
}

function named(tools: readonly ComparedTool[]): string {
  return tools
    .slice(0, 8)
    .map(({ name, words }) => `${quote(name)} (${words.join(', ')})`)
    .join(', ')
}
