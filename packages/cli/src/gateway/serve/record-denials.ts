import { systemClock } from 'procura'
import { type AuditSink, type DenialSampler, type DeniedEvent, newEventId, suppressedEvent } from 'procura/audit'
import { clientClaims } from 'procura/mcp'
import { toolCommand } from '../wire/tool-command.ts'
import type { McpTransport } from '../wire/transport/mcp-transport.ts'
import { mostOfBatch } from '../wire/transport/message-size.ts'

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

/**
 * Most calls whose tool is remembered until they are answered, and most characters of an id and of a tool: one with a
 * longer id is malformed, and one with a longer name has no command.
 */
const [mostCalls, longestId, longestTool] = [1_000, 1_024, 256]

/**
 * Records the refusals that a relay decides before it asks the guard: a call that is not signed, or of a tool that
 * nobody accepted. The guard records its own. The answer waits for the record. GTW-37
 *
 * @param client - the transport towards the client.
 * @returns the transport in its place.
 */
export function recordDenials(client: McpTransport, options: RecordDenialsOptions): McpTransport {
  const calls = openCalls()

  async function record(message: unknown): Promise<void> {
    const { id, result } = Object(message) as Readonly<Record<string, unknown>>
    const call = calls.answered(id)
    const { isError, _meta } = Object(result) as { readonly isError?: unknown; readonly _meta?: unknown }
    const { code, requirement } = Object(Object(_meta)[denialKey]) as {
      readonly code?: unknown
      readonly requirement?: unknown
    }
    // The answer alone decides: a client chooses its ids. A list of tools has a denial too, and is no error. The
    // requirements of the guard have other names.
    if (isError !== true || typeof code !== 'string' || typeof requirement !== 'string') return
    if (!requirement.startsWith('MCP-')) return
    await recordRefusal(options, {
      ...{ code, requirement },
      ...claimedCommand(options.server, call?.tool),
      ...(call?.claimed !== undefined && { claimed: call.claimed }),
    })
  }

  const each = (message: unknown): readonly unknown[] => (Array.isArray(message) ? message : [message])
  return {
    start: () => client.start(),
    close: () => client.close(),
    async send(message, sending) {
      for (const one of each(message)) if (isAnswer(one)) await record(one)
      await client.send(message, sending)
    },
    set onmessage(take: McpTransport['onmessage']) {
      client.onmessage = (message) => {
        const all = each(message)
        // A larger batch is refused whole.
        if (all.length <= mostOfBatch) for (const one of all) calls.note(one)
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
 * Records one refusal that the guard has not seen, unless too many were recorded before. An `invoker` has proved its
 * delegation.
 */
export async function recordRefusal(
  { sink, sampler, audience, onError }: Omit<RecordDenialsOptions, 'server'>,
  facts: Pick<DeniedEvent, 'claimed' | 'code' | 'command' | 'invoker' | 'requirement'>,
): Promise<void> {
  await recordOmitted(sampler, sink).catch(onError)
  if (!sampler.admit(facts.invoker)) return
  const event: DeniedEvent = {
    ...{ kind: 'denied', id: newEventId(), time: Math.floor(systemClock.now()) },
    ...{ audience, authenticated: facts.invoker !== undefined },
    ...facts,
  }
  try {
    await sink.append(event, {})
  } catch (error) {
    sampler.lose(facts.invoker)
    onError(error)
  }
}

function isAnswer(message: unknown): boolean {
  return !Object.hasOwn(Object(message) as object, 'method')
}

/** The tool and the attribution that a call claims. They are for the record alone. */
interface ClaimedCall {
  readonly tool: string | undefined
  readonly claimed: Readonly<Record<string, string>> | undefined
}

/** The claims of the open calls of a session, by their ids. */
function openCalls(): {
  note(message: unknown): void
  /** The first open call with this id. */
  answered(id: unknown): ClaimedCall | undefined
} {
  const open = new Map<unknown, { readonly call: ClaimedCall; count: number }>()

  /** A second call with an open id is refused, so each of them is answered or cancelled. */
  function end(id: unknown): ClaimedCall | undefined {
    const known = open.get(id)
    if (known === undefined) return undefined
    known.count -= 1
    if (known.count === 0) open.delete(id)
    return known.call
  }

  function begin(id: unknown, call: ClaimedCall): void {
    const known = open.get(id)
    if (known !== undefined) known.count += 1
    else open.set(id, { call, count: 1 })
    const [oldest] = open.keys()
    if (open.size > mostCalls) open.delete(oldest)
  }

  return {
    note(message) {
      const { id, method, params } = Object(message) as Readonly<Record<string, unknown>>
      const { name, requestId, _meta } = Object(params) as Readonly<Record<string, unknown>>
      if (method === 'notifications/cancelled') end(requestId)
      if (method !== 'tools/call' || typeof name !== 'string' || !isId(id)) return
      const claimed = clientClaims(Object(_meta))
      const tool = name.length > longestTool ? undefined : name
      begin(id, { tool, claimed: Object.keys(claimed).length > 0 ? claimed : undefined })
    },
    answered: end,
  }
}

function isId(id: unknown): boolean {
  return (typeof id === 'string' && id.length <= longestId) || typeof id === 'number'
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
function claimedCommand(server: string, tool: string | undefined): { readonly command?: string } {
  try {
    return tool === undefined ? {} : { command: toolCommand(server, tool) }
  } catch {
    return {}
  }
}
