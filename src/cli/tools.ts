// node only: reads and writes files
import { join } from 'node:path'
import { type GatewayConfig, readGatewayConfig } from '../gateway/configuration/read-gateway-config.ts'
import { gatewayHome } from '../gateway/home.ts'
import type { ComparedTool } from '../gateway/tools/compare-tools.ts'
import { acceptTools, reviewTools } from '../gateway/tools/review-tools.ts'
import type { Host } from './host.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, textOf } from './verb.ts'

/** The configuration that the options name. */
export function configOf(flags: Flags, { env }: Host): Promise<GatewayConfig> {
  const given = textOf(flags, 'config')
  return readGatewayConfig(given ?? join(gatewayHome(textOf(flags, 'home'), env), 'gateway.json'))
}

/**
 * `procura tools list [SERVER]`: shows the state of each tool, and the differences of those that have changed.
 *
 * @returns 1 when a tool waits for somebody to accept it.
 */
export async function listTools(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [only, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one name of a server, or none')
  const config = await configOf(flags, host)
  const servers = only === undefined ? [...config.servers.keys()] : [only]
  let isWaiting = false
  for (const server of servers) {
    const tools = await reviewTools({ config, server })
    isWaiting ||= tools.some(({ state }) => state !== 'accepted')
    for (const tool of tools) show(server, tool, flags, host)
  }
  return isWaiting ? 1 : 0
}

/** `procura tools accept SERVER [TOOL…]`: accepts the tools as the gateway last saw them. */
export async function acceptSome(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [server, ...names] = words
  if (server === undefined) throw new UsageError('the name of the server is missing')
  const config = await configOf(flags, host)
  const changed = await acceptTools({ config, server, ...(names.length > 0 && { tools: names }) })
  for (const tool of changed) show(server, tool, flags, host)
  host.complain(
    changed.length === 0
      ? 'every one of these tools was accepted already; nothing has changed'
      : `accepted ${changed.length} of the tools of ${server}; a running gateway takes them at once`,
  )
  return 0
}

function show(server: string, { name, state, changes, seen }: ComparedTool, flags: Flags, host: Host): void {
  if (flags['json'] === true) {
    host.print(
      JSON.stringify({ server, name, state, ...(changes.length > 0 && { changes }), ...(seen && { tool: seen }) }),
    )
    return
  }
  host.print(`${server}\t${name}\t${state}`)
  for (const change of changes) host.print(`\t${change}`)
  if (state === 'new') host.print(`\t${seen?.description ?? 'it has no description'}`)
}
