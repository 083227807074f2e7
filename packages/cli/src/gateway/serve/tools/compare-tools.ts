import { type PinnedTool, toolHash } from 'procura/mcp'
import { differencesOf, partsInWords } from './tool-differences.ts'
import { wordsOf } from './tool-words.ts'

/** The state of a tool: `new` was never accepted, `gone` was accepted and is no longer offered. */
export type ToolState = 'accepted' | 'changed' | 'new' | 'gone'

/** A tool of a server, compared with the accepted one. */
export interface ComparedTool {
  readonly name: string
  readonly state: ToolState
  /** The hash of the definition that the server has now; for `gone`, of the accepted definition. */
  readonly hash: string
  /**
   * What differs, in a few words, such as "description changed"; empty for `accepted`. The names in them are of the
   * server, which is not trusted.
   */
  readonly words: readonly string[]
  /**
   * In words: the differences, for `changed`; the parts of the definition, for `new`. They contain text of the server,
   * which is not trusted.
   */
  readonly changes: readonly string[]
  /** The definition that the server has now; absent for `gone`. */
  readonly seen?: PinnedTool
}

/** Whether a tool differs from the accepted one in nothing but its title and its description. GTW-48 */
export async function differsInWords(accepted: PinnedTool, seen: PinnedTool): Promise<boolean> {
  const { title, description } = accepted
  const hashes = await Promise.all([accepted, seen, { ...seen, title, description }].map((tool) => toolHash(tool)))
  return hashes[0] !== hashes[1] && hashes[0] === hashes[2]
}

/** Compares the tools that a server has with those that were accepted, in the order of their names. */
export async function compareTools(
  accepted: readonly PinnedTool[],
  seen: readonly PinnedTool[],
): Promise<readonly ComparedTool[]> {
  const before = new Map(accepted.map((tool) => [tool.name, tool]))
  const now = new Map(seen.map((tool) => [tool.name, tool]))
  const names = [...new Set([...before.keys(), ...now.keys()])].sort()
  return Promise.all(names.map((name) => compareTool(name, before.get(name), now.get(name))))
}

async function compareTool(
  name: string,
  accepted: PinnedTool | undefined,
  seen: PinnedTool | undefined,
): Promise<ComparedTool> {
  const before = accepted === undefined ? undefined : await toolHash(accepted)
  if (seen === undefined) return { name, state: 'gone', hash: before as string, words: ['tool gone'], changes: [] }
  const hash = await toolHash(seen)
  if (accepted === undefined)
    return { name, state: 'new', hash, words: ['new tool'], changes: partsInWords(seen), seen }
  if (before === hash) return { name, state: 'accepted', hash, words: [], changes: [], seen }
  return { name, state: 'changed', hash, words: wordsOf(accepted, seen), changes: differencesOf(accepted, seen), seen }
}
