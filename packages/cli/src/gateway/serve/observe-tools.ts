// node only: works with parts that use files
/**
 * A session of a dry run: every message passes, and the decision about each call of a tool is recorded only.
 *
 * @module
 */

import type { Guard } from 'procura/guard'
import { clientClaims } from 'procura/mcp'
import type { McpTransport } from '../wire/transport/mcp-transport.ts'
import type { ServerView } from './server-view.ts'

/** The key of `_meta` under which a container travels, and those of its answers. */
const metaKey = 'xyz.ucan/container'

/** A session that decides nothing. */
export interface ObservedSession {
  readonly closed: Promise<void>
  close(): Promise<void>
}

/**
 * Passes the messages of both sides on. A call of a tool is decided and recorded before it is passed on, allowed or
 * not. GTW-40
 *
 * @param onRefusal - receives one line for each call that would be refused.
 */
export async function observeTools(
  { client, upstream }: { readonly client: McpTransport; readonly upstream: McpTransport },
  view: ServerView,
  onRefusal: (message: string) => void,
): Promise<ObservedSession> {
  const end = (): Promise<void> => Promise.all([client.close(), upstream.close()]).then(() => undefined)
  const pass = async (to: McpTransport, message: unknown): Promise<void> => {
    try {
      await to.send(message)
    } catch {
      await end()
    }
  }
  const one = async (message: unknown): Promise<unknown> => {
    const { method, params } = Object(message) as Readonly<Record<string, unknown>>
    if (isRefused(method, view)) onRefusal(`dry run: a request ${JSON.stringify(method)} would be refused`)
    if (method === 'tools/call') await observe(view, Object(params), onRefusal)
    return withoutContainer(message)
  }
  client.onmessage = async (message) => {
    if (!Array.isArray(message)) return pass(upstream, await one(message))
    // One decision at a time: a batch can have as many calls as the gateway has places.
    const batch: unknown[] = []
    for (const each of message) batch.push(await one(each))
    return pass(upstream, batch)
  }
  upstream.onmessage = (message) =>
    pass(client, Array.isArray(message) ? message.map(withoutContainer) : withoutContainer(message))
  const closed = Promise.all(
    [client, upstream].map(
      (side) =>
        new Promise<void>((resolve) => {
          side.onclose = () => {
            resolve()
            void end().catch(() => undefined)
          }
        }),
    ),
  ).then(() => undefined)
  await upstream.start()
  await client.start()
  return { closed, close: end }
}

/** Whether a message that is not about tools would not pass. */
function isRefused(method: unknown, { passes }: ServerView): boolean {
  return typeof method === 'string' && !/^(?:notifications|tools)\//.test(method) && !passes(method)
}

async function observe(
  { server, guard, commandOf }: ServerView,
  { name, arguments: args, _meta }: Readonly<Record<string, unknown>>,
  onRefusal: (message: string) => void,
): Promise<void> {
  const tool = String(name)
  const definition = commandOf(tool)
  const given = Object(_meta)[metaKey]
  const container = typeof given === 'string' ? given : ''
  const refused = (code: string, message: string): void =>
    onRefusal(`dry run: the call of ${JSON.stringify(tool)} would be refused (${code}): ${message}`)
  try {
    const claimed = clientClaims(Object(_meta))
    const options: Parameters<Guard['dryRun']>[1] = {
      ...(definition !== undefined && { command: definition.command, args: { ...Object(args) } }),
      ...(Object.keys(claimed).length > 0 && { claimed }),
    }
    // A call without a container is recorded as malformed.
    const decision = await guard.dryRun(container, options)
    if (container === '') refused('container_missing', 'it is not signed; the client has to run `procura connect`')
    else if (definition === undefined) refused('tool_unknown', `the server ${server} has no accepted tool of this name`)
    else if (!decision.allowed) refused(decision.denial.code, decision.denial.message)
  } catch (error) {
    refused('undecided', (error as Error).message)
  }
}

/** The server never sees a container, and makes no denial, in a dry run either. */
function withoutContainer(message: unknown): unknown {
  let clean = message
  for (const field of ['params', 'result'] as const) {
    const part = (Object(message) as Readonly<Record<string, unknown>>)[field]
    const { _meta } = Object(part) as { readonly _meta?: unknown }
    if (typeof part !== 'object' || part === null || typeof _meta !== 'object' || _meta === null) continue
    const kept = Object.entries(_meta).filter(([name]) => name !== metaKey && !name.startsWith(`${metaKey}.`))
    clean = { ...Object(clean), [field]: { ...part, _meta: Object.fromEntries(kept) } }
  }
  return clean
}
