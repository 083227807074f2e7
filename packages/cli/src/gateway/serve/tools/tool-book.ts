// node only: reads and writes files
import type { PinnedTool } from 'procura/mcp'
import { type ComparedTool, compareTools } from './compare-tools.ts'
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
  readonly waiting: readonly ComparedTool[]
}

/** Options of {@link createToolBook}. */
export interface ToolBookOptions {
  readonly folder: string
  /** Whether the tools of a server that nobody has reviewed are accepted when they are first seen. */
  readonly firstUse: () => boolean
}

/** Makes the book over a folder. */
export function createToolBook({ folder, firstUse }: ToolBookOptions): ToolBook {
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
      if (options.firstUse && firstUse()) {
        await changeToolFile(folder, server, 'accepted', (present) => {
          if (present !== undefined) return undefined
          accepted = tools
          return tools
        })
      }
      const present = (await readToolFile(folder, server, 'accepted')) ?? []
      const compared = await compareTools(present, tools)
      return {
        accepted,
        waiting: compared.filter(({ state }) => state === 'new' || state === 'changed'),
      }
    },
  }
}
