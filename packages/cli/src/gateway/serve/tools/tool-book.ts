// node only: reads and writes files
import type { PinnedTool } from 'procura/mcp'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import { type ComparedTool, compareTools, differsInWords } from './compare-tools.ts'
import { changeToolFile, readToolFile, writeToolFile } from './tool-file.ts'

/** The tools of the servers: those that were accepted, and those that they have. */
export interface ToolBook {
  /** The accepted tools of some servers. */
  accepted(servers: Iterable<string>): Promise<ReadonlyMap<string, readonly PinnedTool[]>>
  /**
   * Notes the tools that a server has now.
   *
   * @param options - `firstUse`: whether they can be accepted because nobody has reviewed the server yet.
   * @returns the tools that were accepted by this, and those that wait for somebody to accept them.
   */
  note(server: string, tools: readonly PinnedTool[], options: { readonly firstUse: boolean }): Promise<NotedTools>
}

/** The result of a look at the tools of a server. */
export interface NotedTools {
  readonly accepted: readonly PinnedTool[]
  /** The accepted tools whose new title or description was accepted by this. */
  readonly reworded: readonly ComparedTool[]
  readonly waiting: readonly ComparedTool[]
}

/**
 * Makes the book over a folder.
 *
 * @param config - returns the present configuration, which says what is accepted by itself.
 */
export function createToolBook(folder: string, config: () => Pick<GatewayConfig, 'servers' | 'tools'>): ToolBook {
  return {
    async accepted(servers) {
      const found = new Map<string, readonly PinnedTool[]>()
      for (const server of servers) found.set(server, (await readToolFile(folder, server, 'accepted')) ?? [])
      return found
    },
    async note(server, tools, options) {
      await writeToolFile(folder, server, 'seen', tools)
      let accepted: readonly PinnedTool[] = []
      // GTW-32: a server is first seen once. A list that somebody emptied is a decision.
      if (options.firstUse && config().tools === 'first-use') {
        await changeToolFile(folder, server, 'accepted', (present) => {
          if (present !== undefined) return undefined
          accepted = tools
          return tools
        })
      }
      const trusts = config().servers.get(server)?.acceptDescriptions === true
      const reworded = trusts ? await takeWords(folder, server, tools) : []
      const present = (await readToolFile(folder, server, 'accepted')) ?? []
      const compared = await compareTools(present, tools)
      return {
        ...{ accepted, reworded },
        waiting: compared.filter(({ state }) => state === 'new' || state === 'changed'),
      }
    },
  }
}

/** Accepts the tools of a server that differ in their title or description alone. */
async function takeWords(
  folder: string,
  server: string,
  tools: readonly PinnedTool[],
): Promise<readonly ComparedTool[]> {
  let reworded: readonly ComparedTool[] = []
  await changeToolFile(folder, server, 'accepted', async (present = []) => {
    const seen = new Map(tools.map((tool) => [tool.name, tool]))
    const next = await Promise.all(
      present.map(async (tool) => {
        const now = seen.get(tool.name)
        return now !== undefined && (await differsInWords(tool, now)) ? now : tool
      }),
    )
    reworded = (await compareTools(present, next)).filter(({ state }) => state === 'changed')
    return reworded.length === 0 ? undefined : next
  })
  return reworded
}
