// node only: reads and writes files
import { ArgumentError } from 'procura/errors'
import type { PinnedTool } from 'procura/mcp'
import { arrayOf, nonEmptyString, type OptionChecks, objectValue, readOptions } from '#support/options.ts'
import { quote } from '#support/quote.ts'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import { type ComparedTool, compareTools } from './compare-tools.ts'
import { changeToolFile, readToolFile } from './tool-file.ts'
import { toolListHash } from './tool-list-hash.ts'

/** Options of {@link reviewTools}. */
export interface ReviewToolsOptions {
  readonly config: Pick<GatewayConfig, 'toolsFolder' | 'servers'>
  /** The name of the server. */
  readonly server: string
}

/** Options of {@link acceptTools}. */
export interface AcceptToolsOptions extends ReviewToolsOptions {
  /**
   * The hashes of the definitions that somebody has read, as {@link reviewTools} returned them. The first 32
   * hexadecimal digits of a hash suffice. The hash of {@link toolListHash} accepts the whole list.
   */
  readonly hashes: readonly string[]
}

const checks: OptionChecks<ReviewToolsOptions> = Object.freeze({ config: objectValue, server: nonEmptyString })

/**
 * Compares the tools that a server had when the gateway last asked it with those that were accepted.
 *
 * @throws ArgumentError when the configuration has no such server, or the gateway has not seen its tools yet.
 *
 * @example
 * ```ts
 * import { readGatewayConfig, reviewTools } from 'procura-cli'
 *
 * const config = await readGatewayConfig('gateway.json')
 * const reviews = await reviewTools({ config, server: 'mail' })
 * for (const { name, state, changes } of reviews) console.log(name, state, changes)
 * ```
 */
export async function reviewTools(options: ReviewToolsOptions): Promise<readonly ComparedTool[]> {
  const { config, server } = readOptions('reviewTools', options, checks)
  const seen = await seenBy(config, server)
  return compareTools(await acceptedTools({ config, server }), seen)
}

/** The accepted definitions of a server. */
export async function acceptedTools({ config, server }: ReviewToolsOptions): Promise<readonly PinnedTool[]> {
  return (await readToolFile(config.toolsFolder, server, 'accepted')) ?? []
}

/**
 * Accepts the definitions of tools that somebody has read, by their hashes. A definition that the server has changed
 * since has another hash, and is not accepted. The hash of a tool that is gone removes it. A running gateway takes the
 * tools at once. GTW-33
 *
 * @returns the tools whose state this has changed.
 * @throws ArgumentError when a hash is malformed, or belongs to no definition that the gateway saw last; nothing is
 *   accepted.
 *
 * @example
 * ```ts
 * import { acceptTools, readGatewayConfig, reviewTools } from 'procura-cli'
 *
 * const config = await readGatewayConfig('gateway.json')
 * const tools = await reviewTools({ config, server: 'mail' })
 * const hashes = tools.filter(({ name }) => name === 'send_mail').map(({ hash }) => hash)
 * await acceptTools({ config, server: 'mail', hashes })
 * ```
 */
export async function acceptTools(options: AcceptToolsOptions): Promise<readonly ComparedTool[]> {
  const { config, server, hashes } = readOptions<AcceptToolsOptions>('acceptTools', options, {
    ...checks,
    hashes: arrayOf(nonEmptyString),
  })
  const wanted = hashes.map(digitsOf)
  let changed: readonly ComparedTool[] = []
  // Before the lock, which makes the folder.
  await seenBy(config, server)
  await changeToolFile(config.toolsFolder, server, 'accepted', async (present = []) => {
    const compared = await compareTools(present, await seenBy(config, server))
    const chosen = await chosenBy(wanted, compared, server)
    changed = compared.filter(({ name, state }) => state !== 'accepted' && chosen.has(name))
    if (changed.length === 0) return undefined
    const kept = present.filter(({ name }) => !chosen.has(name))
    return [...kept, ...compared.flatMap(({ name, seen }) => (seen !== undefined && chosen.has(name) ? [seen] : []))]
  })
  return changed
}

/** The hexadecimal digits of a hash, or at least the first 32: no server can make two definitions that share them. */
function digitsOf(hash: string): string {
  const [, digits] = /^(?:sha256-)?([0-9a-f]{32,64})$/.exec(hash) ?? []
  if (digits === undefined)
    throw new ArgumentError(
      'a hash of `hashes` must have 32 to 64 hexadecimal digits, as `procura tools list` prints it',
    )
  return digits
}

async function chosenBy(
  wanted: readonly string[],
  tools: readonly ComparedTool[],
  server: string,
): Promise<ReadonlySet<string>> {
  const whole = await toolListHash(tools)
  const names = wanted.flatMap((digits) => {
    const isIt = (hash: string): boolean => hash.startsWith(`sha256-${digits}`)
    if (isIt(whole)) return tools.map(({ name }) => name)
    const found = tools.filter(({ hash }) => isIt(hash)).map(({ name }) => name)
    if (found.length > 0) return found
    throw new ArgumentError(
      `no tool of the server ${quote(server)} has the hash ${digits.slice(0, 8)}… now, so nothing was accepted; read \`procura tools list ${server}\` again`,
    )
  })
  return new Set(names)
}

async function seenBy(
  { toolsFolder, servers }: ReviewToolsOptions['config'],
  server: string,
): Promise<readonly PinnedTool[]> {
  if (!servers.has(server)) {
    const names = [...servers.keys()].map((name) => quote(name)).join(', ')
    throw new ArgumentError(`the configuration has no server ${quote(server)}; it has ${names || 'none'}`)
  }
  const seen = await readToolFile(toolsFolder, server, 'seen')
  if (seen !== undefined) return seen
  throw new ArgumentError(
    `the gateway has not seen the tools of ${quote(server)} yet; start the gateway with \`procura start\``,
  )
}
