// node only: starts programs
import { quote } from '#support/quote.ts'
import type { AllowedRequests } from '../../configuration/passing-methods.ts'
import type { OnGatewayEvent } from '../events.ts'
import type { Snapshot } from '../snapshot.ts'
import { openUpstream } from '../upstream/open-upstream.ts'
import type { OwnCalls } from '../upstream/own-calls.ts'
import { type ListedServer, listTools } from './list-tools.ts'
import type { ToolBook } from './tool-book.ts'

/** Milliseconds in which a server must list its tools. A program may be fetched at its first start. */
const listMs = 30_000

/** Looks at the tools of servers, and remembers what was found. */
export interface ToolWatch {
  /** Asks a server for its tools. A failure is remembered and reported. */
  look(server: string, snapshot: Snapshot): Promise<void>
  /** Forgets tools that were waiting, and are accepted now. */
  forget(snapshot: Snapshot): void
  stateOf(server: string): { readonly waiting: number; readonly fault?: string }
}

/**
 * Makes the watch.
 *
 * @param ending - ends a look that is under way.
 */
export function createToolWatch(book: ToolBook, onEvent: OnGatewayEvent, ending: AbortSignal): ToolWatch {
  const faults = new Map<string, string>()
  const waiting = new Map<string, readonly string[]>()

  return {
    async look(server, { servers, own }) {
      const found = servers.get(server)
      if (found === undefined) return
      try {
        const { tools, announced } = await listOf(server, found.config, own, ending)
        const noted = await book.note(server, tools)
        reportRefused(server, announced, found.config.allow ?? [], onEvent)
        faults.delete(server)
        waiting.set(server, noted.waiting)
        report(server, noted.accepted.length, noted.waiting, onEvent)
      } catch (error) {
        if (ending.aborted) return
        const { message } = error as Error
        faults.set(server, message)
        const about = `the tools of ${quote(server)} could not be listed: ${message}`
        onEvent({ level: 'warning', event: 'server_unavailable', server, message: about })
      }
    },
    forget({ servers }) {
      for (const [server, names] of waiting) {
        const pins = servers.get(server)?.pins
        if (pins !== undefined) {
          const left = names.filter((name) => !pins.has(name))
          waiting.set(server, left)
        }
      }
    },
    stateOf(server) {
      const fault = faults.get(server)
      return { waiting: waiting.get(server)?.length ?? 0, ...(fault !== undefined && { fault }) }
    },
  }
}

async function listOf(
  server: string,
  config: Parameters<typeof openUpstream>[1],
  own: OwnCalls,
  ending: AbortSignal,
): Promise<ListedServer> {
  ending.throwIfAborted()
  const { transport, stop } = await openUpstream(server, config, own)
  try {
    return await listTools(transport, listMs, ending)
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

function report(server: string, accepted: number, waiting: readonly string[], onEvent: OnGatewayEvent): void {
  if (accepted > 0) {
    const message = `accepted ${accepted} ${accepted === 1 ? 'tool' : 'tools'} of ${quote(server)} at first sight; review them with \`procura tools list ${server}\``
    onEvent({ level: 'info', event: 'tools_accepted', server, message })
  }
  if (waiting.length > 0) {
    const names = waiting.slice(0, 8).map((name) => quote(name))
    const message = `${waiting.length} new or changed tools of ${quote(server)} are refused until somebody accepts them: ${names.join(', ')}; see \`procura tools list ${server}\``
    onEvent({ level: 'warning', event: 'tools_waiting', server, message })
  }
}
