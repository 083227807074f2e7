import { type AST, getStaticTOMLValue, parseTOML } from 'toml-eslint-parser'
import {
  type CommandLine,
  type ConfigDocument,
  ConfigFault,
  type Data,
  type DataObject,
  isSameData,
  type Segment,
  type ServerEntry,
} from './config-document.ts'
import { applyEdits, lineEndOf, linesOf, type TextEdit, textOfSpan } from './text-edit.ts'

/** The table of Codex that has the servers. */
const root = 'mcp_servers'

/** The parts of a server that can be tables of their own, and that the gateway needs. */
const moved: ReadonlySet<string> = new Set(['env', 'http_headers', 'env_http_headers'])

/** The keys that only the command line of the gateway needs. */
const own: ReadonlySet<string> = new Set([
  'command',
  'args',
  'url',
  'env',
  'env_vars',
  'http_headers',
  'env_http_headers',
  'bearer_token_env_var',
  'bearer_token',
])

/**
 * Reads the configuration of Codex. Only the tables of its servers can be changed, so that everything else stays as it
 * is.
 *
 * @throws ConfigFault when it is not TOML.
 */
export function readTomlConfig(text: string): ConfigDocument {
  const body = text.startsWith('\ufeff') ? ` ${text.slice(1)}` : text
  const parts = partsOf(body)
  const lineAt = linesOf(body)
  return { servers: [...parts].map(([name, found]) => entryOf(body, lineAt, name, found)) }
}

/** The parts of one server. */
interface Parts {
  readonly tables: AST.TOMLTable[]
  inline?: AST.TOMLInlineTable
  fault?: string
}

function partsOf(text: string): ReadonlyMap<string, Parts> {
  const found = new Map<string, Parts>()
  const of = (name: string): Parts => {
    const parts = found.get(name) ?? { tables: [] }
    found.set(name, parts)
    return parts
  }
  for (const node of parse(text).body[0].body) {
    if (node.type === 'TOMLTable') {
      const [first, name] = node.resolvedKey.map(String)
      if (first !== root) continue
      if (node.kind === 'array') of(name ?? root).fault = 'it is an array of tables'
      else if (name !== undefined) of(name).tables.push(node)
      else for (const pair of node.body) addPair(pair, [root], of)
    } else addPair(node, [], of)
  }
  return found
}

/** A key with a value outside of the tables of the servers. */
function addPair(pair: AST.TOMLKeyValue, above: readonly string[], of: (name: string) => Parts): void {
  const [first, name, ...more] = [...above, ...namesOf(pair.key)]
  if (first !== root) return
  if (name === undefined) {
    if (pair.value.type === 'TOMLInlineTable') for (const inner of pair.value.body) addPair(inner, [root], of)
  } else if (more.length === 0 && pair.value.type === 'TOMLInlineTable') of(name).inline = pair.value
  else of(name).fault = `it is written with dotted keys; write it as a table [${root}.NAME]`
}

function parse(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text)
  } catch (error) {
    const { index } = error as { readonly index?: number }
    throw new ConfigFault(`line ${linesOf(text)(index ?? 0)} is not valid TOML; correct it, and run this again`)
  }
}

function namesOf(key: AST.TOMLKey): readonly string[] {
  return key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value))
}

function entryOf(text: string, lineAt: (offset: number) => number, name: string, parts: Parts): ServerEntry {
  const { inline } = parts
  const tables = parts.tables.filter(({ resolvedKey: [, , part, more] }) => {
    return part === undefined || (moved.has(String(part)) && more === undefined)
  })
  const segments: readonly Segment[] =
    inline === undefined
      ? tables.map((table) => ({ id: String(table.resolvedKey[2] ?? ''), ...spanOf(table) }))
      : [{ id: '', ...spanOf(inline) }]
  const value = dataOfParts(parts)
  const fault = parts.fault ?? faultOf(lineAt, parts)
  return {
    name,
    place: [root, name],
    line: lineAt(segments[0]?.offset ?? 0),
    value,
    segments,
    ...(fault !== undefined && { fault }),
    running: (line) =>
      inline === undefined
        ? tables.map((table) => runningTable(text, table, line))
        : [runningPairs(text, inline.body, spanOf(inline), line, ', ')],
    restored: (originals, wrapped) =>
      isSameData(value, wrapped) ? originals : restoredTable(text, tables, segments, originals, value, wrapped),
  }
}

function faultOf(lineAt: (offset: number) => number, { tables, inline }: Parts): string | undefined {
  if (inline !== undefined)
    return inline.body.some(({ key }) => key.keys.length > 1)
      ? 'its inline table has dotted keys; write it as a table'
      : undefined
  if (!tables.some(({ resolvedKey }) => resolvedKey.length === 2)) return 'it has no table of its own'
  const second = tables.filter(({ resolvedKey: [, , part] }) => String(part).endsWith('http_headers')).at(1)
  return second === undefined
    ? undefined
    : `line ${lineAt(second.range[0])} begins a second table of headers; write one of the two as an inline table`
}

function spanOf({ range: [start, end] }: { readonly range: readonly [number, number] }): {
  readonly offset: number
  readonly length: number
} {
  return { offset: start, length: end - start }
}

/** The text of a table of the server when it runs a command line. */
function runningTable(text: string, table: AST.TOMLTable, line: CommandLine): string {
  const part = table.resolvedKey[2]
  if (part === undefined) return runningPairs(text, table.body, spanOf(table), line, lineEndOf(text))
  const header = textOfSpan(text, {
    offset: table.range[0],
    length: text.indexOf(']', table.key.range[1]) + 1 - table.range[0],
  })
  if (part === 'env') return header
  // A table of headers makes Codex refuse a command line; an empty table `env` takes its place.
  const [first, name] = table.key.keys as [AST.TOMLBare, AST.TOMLBare]
  return `[${text.slice(first.range[0], name.range[1])}.env]`
}

function runningPairs(
  text: string,
  pairs: readonly AST.TOMLKeyValue[],
  span: { readonly offset: number; readonly length: number },
  line: CommandLine,
  gap: string,
): string {
  const keyed = pairs.map((node) => ({ node, names: namesOf(node.key) }))
  const named = (name: string): AST.TOMLKeyValue | undefined =>
    keyed.find(({ names }) => names.length === 1 && names[0] === name)?.node
  const edits: TextEdit[] = []
  const replace = (node: { readonly range: readonly [number, number] }, next: string): void =>
    void edits.push({ ...spanOf(node as { readonly range: [number, number] }), text: next })
  const args = `[${line.args.map(quoteToml).join(', ')}]`

  const command = named('command')
  const url = named('url')
  const first = command ?? url
  if (first === undefined) throw new ConfigFault('the server has neither `command` nor `url`')
  if (command === undefined) replace(first, `command = ${quoteToml(line.command)}`)
  else replace(command.value, quoteToml(line.command))
  const present = named('args')
  if (present === undefined) edits.push({ offset: first.range[1], length: 0, text: `${gap}args = ${args}` })
  else replace(present.value, args)
  const env = named('env')
  if (env !== undefined) replace(env.value, '{}')
  const kept = new Set([first, present, env])
  const gone = new Set(
    keyed.filter(({ node, names }) => own.has(names[0] ?? '') && !kept.has(node)).map(({ node }) => node),
  )
  edits.push(...removals(pairs, gone))
  const wanted = edits.map((edit) => ({ ...edit, offset: edit.offset - span.offset }))
  return applyEdits(textOfSpan(text, span), joined(wanted))
}

/** A key that is inserted behind the last one, where the last one is removed, comes first. */
function joined(edits: readonly TextEdit[]): readonly TextEdit[] {
  return [...edits].sort((one, other) => one.offset - other.offset || one.length - other.length)
}

/**
 * The edits that remove keys, with the text before them up to the key that stays. The last key of a table is then the
 * end of its text, as the parser will report it.
 */
function removals(
  pairs: readonly AST.TOMLKeyValue[],
  gone: ReadonlySet<AST.TOMLKeyValue | undefined>,
): readonly TextEdit[] {
  const edits: TextEdit[] = []
  for (const [at, first] of pairs.entries()) {
    const before = pairs[at - 1]
    if (!gone.has(first) || gone.has(before)) continue
    const next = pairs.findIndex((pair, index) => index > at && !gone.has(pair))
    const last = pairs[(next < 0 ? pairs.length : next) - 1] as AST.TOMLKeyValue
    const [start, end] =
      before === undefined ? [first.range[0], pairs[next]?.range[0] ?? last.range[1]] : [before.range[1], last.range[1]]
    edits.push({ offset: start, length: end - start, text: '' })
  }
  return edits
}

/** A basic string of TOML. JSON escapes the same characters, except one. */
function quoteToml(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f')
}

/** Puts the originals back, with the keys that were changed since in the table of the server. */
function restoredTable(
  text: string,
  tables: readonly AST.TOMLTable[],
  segments: readonly Segment[],
  originals: readonly string[],
  now: DataObject,
  wrapped: DataObject,
): readonly string[] | undefined {
  const main = tables.findIndex(({ resolvedKey }) => resolvedKey.length === 2)
  const table = tables[main]
  if (table === undefined || segments.length !== originals.length) return undefined
  const changed = [...new Set([...Object.keys(now), ...Object.keys(wrapped)])].filter(
    (name) => !isSameData(now[name], wrapped[name]) && name !== 'command' && name !== 'args',
  )
  // Variables that were added to a server behind the gateway have no effect there, and would be lost.
  if (changed.some((name) => own.has(name))) return undefined
  let original = originals[main] ?? ''
  for (const name of changed) {
    const pair = table.body.find(({ key }) => namesOf(key)[0] === name)
    // A table below this one is outside of the segments, and stays as it is.
    if (pair === undefined && wrapped[name] === undefined) continue
    if (pair !== undefined && pair.key.keys.length > 1) return undefined
    original = withPair(original, name, pair === undefined ? undefined : textOfSpan(text, spanOf(pair)))
  }
  return originals.map((one, at) => (at === main ? original : one))
}

/** The text of a table with a key added, replaced or removed. */
function withPair(table: string, name: string, pair: string | undefined): string {
  const [node] = parse(table).body[0].body
  const body = node?.type === 'TOMLTable' ? node.body : []
  const present = body.find(({ key }) => key.keys.length === 1 && namesOf(key)[0] === name)
  if (present !== undefined) return applyEdits(table, [{ ...spanOf(present), text: pair ?? '' }])
  return pair === undefined ? table : `${table}${lineEndOf(table)}${pair}`
}

function dataOfParts({ tables, inline }: Parts): DataObject {
  const value: Record<string, Data> = Object.create(null)
  const set = (path: readonly string[], data: Data): void => {
    let at = value
    for (const step of path.slice(0, -1)) {
      const next = at[step] ?? Object.create(null)
      at[step] = next
      at = next as Record<string, Data>
    }
    at[path.at(-1) ?? ''] = data
  }
  for (const { key, value: content } of inline?.body ?? []) set(namesOf(key), dataOf(content))
  for (const table of tables) {
    const above = table.resolvedKey.slice(2).map(String)
    if (above.length > 0 && table.body.length === 0) set(above, Object.create(null))
    for (const { key, value: content } of table.body) set([...above, ...namesOf(key)], dataOf(content))
  }
  return value
}

function dataOf(node: AST.TOMLContentNode): Data {
  if (node.type === 'TOMLArray') return node.elements.map(dataOf)
  if (node.type !== 'TOMLInlineTable') {
    const plain = getStaticTOMLValue(node)
    return plain instanceof Date ? plain.toJSON() : (plain as string | number | boolean)
  }
  const object: Record<string, Data> = Object.create(null)
  for (const { key, value } of node.body) object[namesOf(key).join('.')] = dataOf(value)
  return object
}
