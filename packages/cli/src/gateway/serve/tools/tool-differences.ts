import type { PinnedTool } from 'procura/mcp'

const parts = ['title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

/** Most lines for one part. A server can change a thousand things at once. */
const mostLines = 50

/** Most characters of a value. A cut value says how much is missing. */
const mostCharacters = 2_000

/** Characters of the common text that are shown around a difference. */
const context = 40

/** The differences of two definitions, one line each. */
export function differencesOf(accepted: PinnedTool, seen: PinnedTool): readonly string[] {
  return parts.flatMap((part) => differences(part, accepted[part], seen[part]))
}

/** The parts of a definition, one line each. */
export function partsInWords(tool: PinnedTool): readonly string[] {
  return parts.flatMap((part) => (tool[part] === undefined ? [] : [`${part}: ${show(tool[part])}`]))
}

function differences(path: string, before: unknown, now: unknown): readonly string[] {
  const lines: string[] = []
  let hasMore = false
  const visit = (at: string, from: unknown, to: unknown, depth: number): void => {
    if (same(from, to)) return
    if (lines.length >= mostLines) hasMore = true
    else if (isBranch(from) && isBranch(to) && Array.isArray(from) === Array.isArray(to) && depth < 32) {
      const names = [...new Set([...Object.keys(from), ...Object.keys(to)])]
      for (const name of names) visit(`${at}.${name}`, valueIn(from, name), valueIn(to, name), depth + 1)
    } else if (from === undefined) lines.push(`${at} was added: ${show(to)}`)
    else if (to === undefined) lines.push(`${at} was removed: ${show(from)}`)
    else lines.push(`${at} ${changeOf(from, to)}`)
  }
  visit(path, before, now, 0)
  return hasMore
    ? [...lines, `${path} has further changes, which are not shown; --json has the whole definition`]
    : lines
}

/** Both values, from a little before the first difference to a little behind the last one. */
function changeOf(before: unknown, now: unknown): string {
  const [from, to] = [JSON.stringify(before), JSON.stringify(now)]
  const most = Math.min(from.length, to.length)
  let start = 0
  while (start < most && from[start] === to[start]) start += 1
  let tail = 0
  while (tail < most - start && from.at(-1 - tail) === to.at(-1 - tail)) tail += 1
  const cut = (text: string): string => {
    const [begin, end] = [Math.max(0, start - context), Math.min(text.length, text.length - tail + context)]
    return `${begin > 0 ? '…' : ''}${limited(text.slice(begin, end))}${end < text.length ? '…' : ''}`
  }
  return `was ${cut(from)} and is ${cut(to)}`
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

/** A value as JSON. */
function show(value: unknown): string {
  return limited(JSON.stringify(value) ?? 'absent')
}

function limited(text: string): string {
  const rest = text.length - mostCharacters
  return rest <= 0 ? text : `${text.slice(0, mostCharacters)}… (${rest} more characters; --json has them)`
}
