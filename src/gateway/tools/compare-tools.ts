import { type PinnedTool, toolHash } from '../../mcp/tool-hash.ts'

/** The state of a tool: `new` was never accepted, `gone` was accepted and is no longer offered. */
export type ToolState = 'accepted' | 'changed' | 'new' | 'gone'

/** A tool of a server, compared with the accepted one. */
export interface ComparedTool {
  readonly name: string
  readonly state: ToolState
  /** The differences in words, for `changed`. They contain text of the server, which is not trusted. */
  readonly changes: readonly string[]
  /** The definition that the server has now; absent for `gone`. */
  readonly seen?: PinnedTool
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
  if (seen === undefined) return { name, state: 'gone', changes: [] }
  if (accepted === undefined) return { name, state: 'new', changes: [], seen }
  if ((await toolHash(accepted)) === (await toolHash(seen))) return { name, state: 'accepted', changes: [], seen }
  return { name, state: 'changed', changes: changesBetween(accepted, seen), seen }
}

const parts = ['title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

/** The differences of two definitions, one line each. */
function changesBetween(accepted: PinnedTool, seen: PinnedTool): readonly string[] {
  return parts.flatMap((part) => differences(part, accepted[part], seen[part]))
}

/** Most lines for one part. A server can change a thousand things at once. */
const mostLines = 50

function differences(path: string, before: unknown, now: unknown): readonly string[] {
  const lines: string[] = []
  const visit = (at: string, from: unknown, to: unknown, depth: number): void => {
    if (lines.length >= mostLines || same(from, to)) return
    if (isBranch(from) && isBranch(to) && depth < 32) {
      const names = [...new Set([...Object.keys(from), ...Object.keys(to)])]
      for (const name of names) visit(`${at}.${name}`, valueIn(from, name), valueIn(to, name), depth + 1)
    } else if (from === undefined) lines.push(`${at} was added: ${show(to)}`)
    else if (to === undefined) lines.push(`${at} was removed: ${show(from)}`)
    else lines.push(`${at} was ${show(from)} and is ${show(to)}`)
  }
  visit(path, before, now, 0)
  return lines.length < mostLines ? lines : [...lines, `${path} has further changes`]
}

function isBranch(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function valueIn(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** A value as JSON, cut. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
