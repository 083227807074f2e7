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

/** A value in a definition that differs. */
export interface Difference {
  /** Where it is, such as `inputSchema.properties.to`. Names of the server are in it. */
  readonly at: string
  /** Undefined if there was nothing. */
  readonly before: unknown
  /** Undefined if there is nothing. */
  readonly now: unknown
}

/** All differences of two definitions, with the whole values. Without an accepted definition, all parts are new. */
export function wholeDifferences(accepted: PinnedTool | undefined, seen: PinnedTool): readonly Difference[] {
  return parts.flatMap((part) => [...differing(part, accepted?.[part], seen[part])])
}

/** The parts of a definition, one line each. */
export function partsInWords(tool: PinnedTool): readonly string[] {
  return parts.flatMap((part) => (tool[part] === undefined ? [] : [`${part}: ${show(tool[part])}`]))
}

function differences(path: string, before: unknown, now: unknown): readonly string[] {
  const lines: string[] = []
  for (const { at, before: from, now: to } of differing(path, before, now)) {
    if (lines.length >= mostLines)
      return [...lines, `${path} has further changes, which are not shown; --json has the whole definition`]
    if (from === undefined) lines.push(`${at} was added: ${show(to)}`)
    else if (to === undefined) lines.push(`${at} was removed: ${show(from)}`)
    else lines.push(`${at} ${changeOf(from, to)}`)
  }
  return lines
}

function* differing(at: string, before: unknown, now: unknown, depth = 0): Generator<Difference> {
  if (same(before, now)) return
  if (!isBranch(before) || !isBranch(now) || Array.isArray(before) !== Array.isArray(now) || depth >= 32)
    return yield { at, before, now }
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  for (const name of names) yield* differing(`${at}.${name}`, valueIn(before, name), valueIn(now, name), depth + 1)
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
