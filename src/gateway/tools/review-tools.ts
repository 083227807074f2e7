// node only: reads and writes files
import { ArgumentError } from '../../errors.ts'
import type { PinnedTool } from '../../mcp/tool-hash.ts'
import { arrayOf, maybe, nonEmptyString, type OptionChecks, objectValue, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { GatewayConfig } from '../configuration/read-gateway-config.ts'
import { type ComparedTool, compareTools } from './compare-tools.ts'
import { changeToolFile, readToolFile } from './tool-file.ts'

/** Options of {@link reviewTools}. */
export interface ReviewToolsOptions {
  readonly config: Pick<GatewayConfig, 'toolsFolder' | 'servers'>
  /** The name of the server. */
  readonly server: string
}

/** Options of {@link acceptTools}. */
export interface AcceptToolsOptions extends ReviewToolsOptions {
  /** The names of the tools. Default: all that the server has; those that it no longer has are removed. */
  readonly tools?: readonly string[]
}

const checks: OptionChecks<ReviewToolsOptions> = Object.freeze({ config: objectValue, server: nonEmptyString })

/**
 * Compares the tools that a server had when the gateway last asked it with those that were accepted.
 *
 * @throws ArgumentError when the configuration has no such server, or the gateway has not seen its tools yet.
 *
 * @example
 * ```ts
 * import { readGatewayConfig, reviewTools } from 'procura/gateway'
 *
 * const config = await readGatewayConfig('gateway.json')
 * for (const { name, state, changes } of await reviewTools({ config, server: 'mail' })) console.log(name, state, changes)
 * ```
 */
export async function reviewTools(options: ReviewToolsOptions): Promise<readonly ComparedTool[]> {
  const { config, server } = readOptions('reviewTools', options, checks)
  const seen = await seenBy(config, server)
  return compareTools((await readToolFile(config.toolsFolder, server, 'accepted')) ?? [], seen)
}

/**
 * Accepts tools of a server, in the form in which the gateway last saw them. A running gateway takes them at once. GTW-33
 *
 * @returns the tools whose state this has changed.
 * @throws ArgumentError when the server has no such tool, or the gateway has not seen its tools yet.
 *
 * @example
 * ```ts
 * import { acceptTools, readGatewayConfig } from 'procura/gateway'
 *
 * const config = await readGatewayConfig('gateway.json')
 * await acceptTools({ config, server: 'mail', tools: ['send_mail'] })
 * ```
 */
export async function acceptTools(options: AcceptToolsOptions): Promise<readonly ComparedTool[]> {
  const { config, server, tools } = readOptions<AcceptToolsOptions>('acceptTools', options, {
    ...checks,
    tools: maybe(arrayOf(nonEmptyString)),
  })
  const seen = await seenBy(config, server)
  const now = new Map(seen.map((tool) => [tool.name, tool]))
  const unknown = tools?.find((name) => !now.has(name))
  if (unknown !== undefined)
    throw new ArgumentError(
      `the server ${quote(server)} has no tool ${quote(unknown)}; see \`procura tools list ${server}\``,
    )
  let before: readonly PinnedTool[] = []
  await changeToolFile(config.toolsFolder, server, 'accepted', (present = []) => {
    before = present
    if (tools === undefined) return seen
    const kept = present.filter(({ name }) => !tools.includes(name))
    return [...kept, ...seen.filter(({ name }) => tools.includes(name))]
  })
  const compared = await compareTools(before, seen)
  return compared.filter(({ name, state }) => state !== 'accepted' && (tools === undefined || tools.includes(name)))
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
    `the gateway has not seen the tools of ${quote(server)} yet; start \`procura serve\` with this server`,
  )
}
