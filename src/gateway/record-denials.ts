import { type DeniedEvent, newEventId } from '../audit/events/event.ts'
import { suppressedEvent } from '../audit/events/suppressed-event.ts'
import type { DenialSampler } from '../audit/sample-denials.ts'
import type { AuditSink } from '../audit/sink.ts'
import { systemClock } from '../time.ts'
import { toolCommand } from './tool-command.ts'
import type { McpTransport } from './transport/mcp-transport.ts'

/** Options of {@link recordDenials}. */
export interface RecordDenialsOptions {
  readonly server: string
  /** The DID of the gateway. */
  readonly audience: string
  readonly sink: AuditSink
  /** Selects the refusals that are recorded, for all sessions together: such a call costs its sender nothing. */
  readonly sampler: DenialSampler
  readonly onError: (error: unknown) => void
}

/** The key of `_meta` of a result under which a denial is. */
const denialKey = 'xyz.ucan/container.denial'

/** Most calls whose tool is remembered until they are answered. */
const mostCalls = 1_000

/**
 * Records the refusals that a relay decides before it asks the guard: a call that is not signed, or of a tool that nobody
 * accepted. The guard records its own. The answer waits for the record. GTW-37
 *
 * @param client - the transport towards the client.
 * @returns the transport in its place.
 */
export function recordDenials(client: McpTransport, options: RecordDenialsOptions): McpTransport {
  const tools = new Map<unknown, string>()

  function note(message: unknown): void {
    const { id, method, params } = Object(message) as Readonly<Record<string, unknown>>
    const name: unknown = Object(params).name
    if (method === 'tools/call' && typeof name === 'string' && tools.size < mostCalls) tools.set(id, name)
  }

  async function record(message: unknown): Promise<void> {
    const { id, result } = Object(message) as Readonly<Record<string, unknown>>
    const tool = tools.get(id)
    tools.delete(id)
    const denial: unknown = Object(Object(result)._meta)[denialKey]
    const { code, requirement } = Object(denial) as { readonly code?: unknown; readonly requirement?: unknown }
    // The requirements of the guard have other names.
    if (typeof code !== 'string' || typeof requirement !== 'string' || !requirement.startsWith('MCP-')) return
    const { sink, sampler, audience, onError } = options
    await recordOmitted(sampler, sink).catch(onError)
    if (!sampler.admit(undefined)) return
    const event: DeniedEvent = {
      ...{ kind: 'denied', id: newEventId(), time: Math.floor(systemClock.now()) },
      ...{ audience, authenticated: false, code, requirement },
      ...commandOf(options.server, tool),
    }
    try {
      await sink.append(event, {})
    } catch (error) {
      sampler.lose(undefined)
      onError(error)
    }
  }

  const each = (message: unknown): readonly unknown[] => (Array.isArray(message) ? message : [message])
  return {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, sending) {
      for (const one of each(message)) if (tools.has(Object(one).id)) await record(one)
      await client.send(message, sending)
    },
    set onmessage(take: McpTransport['onmessage']) {
      client.onmessage = (message) => {
        for (const one of each(message)) note(one)
        return take?.(message)
      }
    },
    set onclose(take: McpTransport['onclose']) {
      client.onclose = take
    },
    set onerror(take: McpTransport['onerror']) {
      client.onerror = take
    },
  }
}

/**
 * Records the number of refusals that were left out of the log, when the first of them is a period old.
 *
 * @param atEnd - whether to record younger ones, too.
 */
export async function recordOmitted(sampler: DenialSampler, sink: AuditSink, atEnd = false): Promise<void> {
  if (!atEnd && !sampler.isDue()) return
  for (const denials of sampler.take()) {
    try {
      await sink.append(suppressedEvent({ denials, time: Math.floor(systemClock.now()) }), {})
    } catch (error) {
      sampler.giveBack(denials)
      throw error
    }
  }
}

/** The command as claimed. The name of a tool that no command can have is left out. */
function commandOf(server: string, tool: string | undefined): { readonly command?: string } {
  try {
    return tool === undefined ? {} : { command: toolCommand(server, tool) }
  } catch {
    return {}
  }
}
