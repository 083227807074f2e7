// node only: reads and writes files
import { join, resolve } from 'node:path'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { checkNotMoved } from '../../gateway/configuration/moved.ts'
import { type GatewayConfig, readGatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { ComparedTool } from '../../gateway/serve/tools/compare-tools.ts'
import { acceptTools, reviewTools } from '../../gateway/serve/tools/review-tools.ts'
import { toolListHash } from '../../gateway/serve/tools/tool-list-hash.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { acceptAtTerminal } from './accept-at-terminal.ts'
import { controlGateway } from './control.ts'

/** The path of the configuration that the options name. */
export function configPlace(flags: Flags, { env }: Host): string {
  const given = textOf(flags, 'config')
  return given === undefined ? join(gatewayHome(textOf(flags, 'home'), env), 'gateway.json') : resolve(given)
}

/**
 * The configuration that the options name.
 *
 * @throws MovedError when its gateway has moved.
 */
export async function configOf(flags: Flags, host: Host): Promise<GatewayConfig> {
  const config = await readGatewayConfig(configPlace(flags, host))
  checkNotMoved(config.path, config.moved)
  return config
}

/** The digits of a hash that are shown. No server can make two definitions that share them. */
const shownDigits = 'sha256-'.length + 32

/**
 * `procura tools list [SERVER]`: shows the state of each tool with the hash of its definition, and the differences of
 * those that have changed.
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
    for (const tool of tools) show(server, tool, flags, host)
    const waiting = tools.filter(({ state }) => state !== 'accepted')
    if (waiting.length === 0) continue
    isWaiting = true
    const whole = shorten(await toolListHash(tools))
    host.complain(
      `${waiting.length} of the tools of ${server} wait: accept one with \`procura tools accept ${server} HASH\`, or all as they are shown here with \`procura tools accept ${server} ${whole}\`; without a hash, it shows the changes at a terminal and asks`,
    )
  }
  return isWaiting ? 1 : 0
}

/**
 * `procura tools accept SERVER [HASH…]`: accepts the definitions with these hashes, which somebody has read; without
 * one, those that it shows at the terminal. A running gateway takes them before this ends.
 *
 * @returns 1 when the person did not say yes.
 */
export async function acceptSome(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [server, ...hashes] = words
  if (server === undefined) throw new UsageError('the name of the server is missing')
  const config = await configOf(flags, host)
  const changed =
    hashes.length === 0 ? await acceptAtTerminal(config, server, host) : await acceptTools({ config, server, hashes })
  if (changed === undefined) {
    host.complain('nothing was accepted')
    return 1
  }
  for (const tool of changed) show(server, tool, flags, host)
  if (changed.length === 0) host.complain('every one of these tools was accepted already; nothing has changed')
  else host.complain(`accepted ${changed.length} of the tools of ${server}; ${await taken(config.path)}`)
  return 0
}

/** Lets the running gateway take the accepted tools. It also finds them by itself, where the system tells it. GTW-47 */
async function taken(config: string): Promise<string> {
  const answer = await controlGateway(config, 'tools')
  if (answer.state === 'done') return 'the running gateway has taken them'
  if (answer.state === 'down') return 'the gateway does not run, and takes them at its next start'
  return `the gateway has not confirmed that it took them: ${answer.message}`
}

function shorten(hash: string): string {
  return hash.slice('sha256-'.length, shownDigits)
}

function show(server: string, tool: ComparedTool, flags: Flags, host: Host): void {
  const { name, state, hash, words, changes, seen } = tool
  if (flags['json'] === true) {
    const differences = state === 'changed' && { words, changes }
    host.print(JSON.stringify({ server, name, state, hash, ...differences, ...(seen && { tool: seen }) }))
    return
  }
  // A tab in a name would add columns of the choice of the server.
  host.print(`${server}\t${name.replaceAll('\t', '\\u0009')}\t${state}\t${shorten(hash)}`)
  if (state === 'changed') host.print(`\t${words.join(', ')}`)
  for (const change of changes) host.print(`\t${change}`)
}
