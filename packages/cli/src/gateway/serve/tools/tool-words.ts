import type { PinnedTool } from 'procura/mcp'
import { canonicalJson } from '#support/canonical-json.ts'
import { quote } from '#support/quote.ts'

/** Most differences in words. A server can change a thousand things at once. */
const most = 8

type Fields = Readonly<Record<string, unknown>>

/**
 * What differs between two definitions of a tool, in a few words each. Names and types are of the server: they are
 * quoted, and cut. GTW-45
 */
export function wordsOf(accepted: PinnedTool, seen: PinnedTool): readonly string[] {
  const words = [
    ...(['title', 'description'] as const).flatMap((part) => partWords(part, accepted[part], seen[part])),
    ...schemaWords(accepted.inputSchema, seen.inputSchema),
    ...partWords('output schema', accepted.outputSchema, seen.outputSchema),
    ...partWords('annotations', accepted.annotations, seen.annotations),
  ]
  return words.length <= most ? words : [...words.slice(0, most), `${words.length - most} more differences`]
}

function partWords(part: string, before: unknown, now: unknown): readonly string[] {
  if (same(before, now)) return []
  return [`${part} ${before === undefined ? 'added' : now === undefined ? 'removed' : 'changed'}`]
}

/** The arguments by their names, and the rest of the schema as a whole. */
function schemaWords(before: unknown, now: unknown): readonly string[] {
  if (same(before, now)) return []
  const [{ properties: had, required: needed, ...restBefore }, { properties: has, required: needs, ...restNow }] = [
    Object(before) as Fields,
    Object(now) as Fields,
  ]
  const names = [...new Set([...Object.keys(Object(had) as object), ...Object.keys(Object(has) as object)])]
  const words = names.flatMap((name) => argumentWords(name, valueIn(had, name), valueIn(has, name)))
  const [wasNeeded, isNeeded] = [namesIn(needed), namesIn(needs)]
  const needWords = [...new Set([...wasNeeded, ...isNeeded])]
    .filter((name) => wasNeeded.has(name) !== isNeeded.has(name))
    .map((name) => `argument ${shown(name)} is ${isNeeded.has(name) ? 'required' : 'optional'} now`)
  const all = [...words, ...needWords]
  return same(restBefore, restNow) && all.length > 0 ? all : [...all, 'input schema changed']
}

function argumentWords(name: string, before: unknown, now: unknown): readonly string[] {
  const argument = `argument ${shown(name)}`
  if (same(before, now)) return []
  if (before === undefined) return [`${argument} added`]
  if (now === undefined) return [`${argument} removed`]
  const [{ type: was, description: _, ...others }, { type: is, description: __, ...othersNow }] = [
    Object(before) as Fields,
    Object(now) as Fields,
  ]
  if (!same(was, is)) return [`type of ${argument} changed from ${typeText(was)} to ${typeText(is)}`]
  return [same(others, othersNow) ? `description of ${argument} changed` : `${argument} changed`]
}

function typeText(type: unknown): string {
  return type === undefined ? 'any' : shown(typeof type === 'string' ? type : (JSON.stringify(type) ?? ''))
}

function shown(text: string): string {
  return quote(text, 40)
}

function valueIn(value: unknown, name: string): unknown {
  return Object.hasOwn(Object(value) as object, name) ? (value as Fields)[name] : undefined
}

function namesIn(required: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [])
}

/** The order of keys does not count. */
function same(one: unknown, other: unknown): boolean {
  return text(one) === text(other)
}

function text(value: unknown): string | undefined {
  const wire = JSON.stringify(value)
  return wire === undefined ? undefined : canonicalJson(JSON.parse(wire))
}
