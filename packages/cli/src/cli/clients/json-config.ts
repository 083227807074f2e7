import { modify, type Node, type ParseError, parseTree } from 'jsonc-parser'
import { quote } from '#support/quote.ts'
import {
  type CommandLine,
  type ConfigDocument,
  ConfigFault,
  type Data,
  type DataObject,
  isObject,
  isSameData,
  type ServerEntry,
} from './config-document.ts'
import { applyEdits, indentAt, lineEndOf, linesOf, type TextEdit, textOfSpan } from './text-edit.ts'

/**
 * Where a client keeps its servers: the keys that lead to the object of them; `*` is any key, which names a project.
 */
export type ServerPlace = readonly string[]

/** The deepest nesting that is read. */
const maxDepth = 64

/**
 * Reads a configuration in JSON, with comments and trailing commas. Only the parts of its servers can be changed, so
 * that everything else stays as it is.
 *
 * @throws ConfigFault when it is not JSON, or has a key twice on the way to a server.
 */
export function readJsonConfig(text: string, places: readonly ServerPlace[]): ConfigDocument {
  const body = text.startsWith('\ufeff') ? ` ${text.slice(1)}` : text
  checkDepth(body)
  const errors: ParseError[] = []
  const root = parseTree(body, errors, { allowTrailingComma: true })
  const [error] = errors
  if (root === undefined || error !== undefined)
    throw new ConfigFault(
      body.trim() === ''
        ? 'the file is empty; pass the configuration that the client uses'
        : `line ${linesOf(body)(error?.offset ?? 0)} is not valid JSON; correct it, and run this again`,
    )
  if (root.type !== 'object') throw new ConfigFault('the file must contain a JSON object')
  const source: Source = { text: body, lineAt: linesOf(body) }
  return { servers: places.flatMap((place) => find(source, root, place, [])) }
}

/**
 * Checks the nesting of a text in JSON: a parser that calls itself for each level would end the process.
 *
 * @throws ConfigFault when it is too deep.
 */
export function checkDepth(text: string): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = stringEnd(text, at)
    if (character === '/') at = commentEnd(text, at)
    if (character === '{' || character === '[') depth += 1
    if (character === '}' || character === ']') depth -= 1
    if (depth > maxDepth) throw new ConfigFault(`the file has more than ${maxDepth} levels`)
  }
}

function commentEnd(text: string, start: number): number {
  const mark = text.slice(start, start + 2)
  if (mark !== '//' && mark !== '/*') return start
  if (mark === '/*') {
    const end = text.indexOf('*/', start + 2)
    return end < 0 ? text.length : end + 1
  }
  let at = start + 2
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at += 1
  return at
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"' && text[at] !== '\n' && text[at] !== '\r') at += text[at] === '\\' ? 2 : 1
  return at
}

/** The text of a file, with the lines of its offsets. */
interface Source {
  readonly text: string
  readonly lineAt: (offset: number) => number
}

function find(source: Source, node: Node, place: ServerPlace, above: readonly string[]): readonly ServerEntry[] {
  if (node.type !== 'object') return []
  const [step, ...rest] = place
  if (step === undefined) return propertiesOf(source, node).map((property) => entryOf(source, property, above))
  const properties = propertiesOf(source, node, step)
  return properties
    .filter(({ key }) => step === '*' || key === step)
    .flatMap(({ key, value }) => find(source, value, rest, [...above, key]))
}

interface Property {
  readonly node: Node
  readonly key: string
  readonly value: Node
}

/** The properties of an object. A client uses one of two with the same key, and the other one would be lost. WRP-02 */
function propertiesOf({ lineAt }: Source, node: Node, step = '*'): readonly Property[] {
  const seen = new Set<string>()
  return (node.children ?? []).flatMap((property) => {
    const [key, value] = property.children ?? []
    if (key === undefined || value === undefined) return []
    const name = String(key.value)
    if (seen.has(name) && (step === '*' || step === name))
      throw new ConfigFault(`line ${lineAt(property.offset)} repeats the key ${quote(name)}; remove one of the two`)
    seen.add(name)
    return [{ node: property, key: name, value }]
  })
}

function entryOf({ text, lineAt }: Source, { node, key, value }: Property, above: readonly string[]): ServerEntry {
  const project = above[0] === 'projects' ? above[1] : undefined
  const data = dataOf(value)
  const fault = faultOf(value)
  const segment = { id: '', offset: value.offset, length: value.length }
  return {
    name: key,
    place: [...above, key],
    ...(project !== undefined && { project }),
    line: lineAt(node.offset),
    value: isObject(data) ? data : Object.freeze(Object.create(null)),
    segments: [segment],
    ...(fault !== undefined && { fault }),
    running: (line) => [running(text, value, line)],
    restored: ([original = ''], wrapped) => restored(original, isObject(data) ? data : {}, wrapped),
  }
}

function faultOf(value: Node): string | undefined {
  if (value.type !== 'object') return 'it is not an object'
  const keys = (value.children ?? []).map((property) => String(property.children?.[0]?.value))
  if (new Set(keys).size < keys.length) return 'it has a key twice; remove one of the two'
  const inner = (value.children ?? []).map((property) => property.children?.[1])
  return inner.some(hasKeyTwice) ? 'a part of it has a key twice; remove one of the two' : undefined
}

function hasKeyTwice(value: Node | undefined): boolean {
  return value?.type === 'array'
    ? (value.children ?? []).some(hasKeyTwice)
    : value?.type === 'object' && faultOf(value) !== undefined
}

/** The text of a server that runs a command line. Each property that has to go is replaced by one that has to come. */
function running(text: string, server: Node, line: CommandLine): string {
  const properties = (server.children ?? []).flatMap((node) => {
    const [key, value] = node.children ?? []
    return key === undefined || value === undefined ? [] : [{ node, key: String(key.value), value }]
  })
  const named = (name: string): Property | undefined => properties.find(({ key }) => key === name)
  const edits: TextEdit[] = []
  const replace = ({ offset, length }: Node, next: string): void => void edits.push({ offset, length, text: next })
  const args = `[${line.args.map((word) => JSON.stringify(word)).join(', ')}]`
  const command = JSON.stringify(line.command)

  const spare = ['headers', 'url'].flatMap((name) => named(name) ?? [])
  const first = named('command') ?? spare.pop()
  if (first === undefined) throw new ConfigFault('the server has neither `command` nor `url`')
  if (first.key === 'command') replace(first.value, command)
  else replace(first.node, `"command": ${command}`)
  const present = named('args')
  const second = present ?? spare.pop()
  if (second === undefined) insertAfter(text, server, first.node, `"args": ${args}`, edits)
  else if (present === undefined) replace(second.node, `"args": ${args}`)
  else replace(second.value, args)
  const env = named('env')
  if (env !== undefined && (env.value.children ?? []).length > 0) replace(env.value, '{}')
  const type = named('type')
  if (type !== undefined && type.value.value !== 'stdio') replace(type.value, '"stdio"')
  for (const { node } of spare) edits.push(removalOf(node, server.children ?? []))
  const start = server.offset
  return applyEdits(
    textOfSpan(text, server),
    edits.map((edit) => ({ ...edit, offset: edit.offset - start })),
  )
}

/** Inserts a property behind another one, on a line of its own where the other one has its own line. */
function insertAfter(text: string, server: Node, node: Node, property: string, edits: TextEdit[]): void {
  const indent = indentAt(text, node.offset)
  const isInside = indent !== undefined && node.offset - indent.length > server.offset
  const gap = isInside ? `${lineEndOf(text)}${indent}` : ' '
  edits.push({ offset: node.offset + node.length, length: 0, text: `,${gap}${property}` })
}

/** The edit that removes a property with the comma beside it. */
function removalOf(node: Node, siblings: readonly Node[]): TextEdit {
  const at = siblings.indexOf(node)
  const [before, after] = [siblings[at - 1], siblings[at + 1]]
  if (after !== undefined) return { offset: node.offset, length: after.offset - node.offset, text: '' }
  const offset = before === undefined ? node.offset : before.offset + before.length
  return { offset, length: node.offset + node.length - offset, text: '' }
}

/** Keys that only the command line of the gateway needs. */
const own: ReadonlySet<string> = new Set(['command', 'args', 'type', 'url', 'headers'])

function restored(original: string, now: DataObject, wrapped: DataObject): readonly string[] | undefined {
  if (isSameData(now, wrapped)) return [original]
  const eol = lineEndOf(original)
  let text = original
  const set = (path: string[], value: Data | undefined): void => {
    text = applyEdits(
      text,
      modify(text, path, value, { formattingOptions: { insertSpaces: true, tabSize: 2, eol } }).map(
        ({ offset, length, content }) => ({ offset, length, text: content }),
      ),
    )
  }
  for (const name of new Set([...Object.keys(now), ...Object.keys(wrapped)])) {
    if (isSameData(now[name], wrapped[name])) continue
    const env = now[name]
    if (own.has(name)) continue
    if (name === 'env' && isObject(env)) for (const [key, value] of Object.entries(env)) set(['env', key], value)
    else set([name], env)
  }
  return [text]
}

/** The value of a node, without prototypes, so that a key `__proto__` is a key like others. */
function dataOf(node: Node): Data {
  if (node.type === 'array') return (node.children ?? []).map(dataOf)
  if (node.type !== 'object') return node.value as string | number | boolean | null
  const object: Record<string, Data> = Object.create(null)
  for (const { children: [key, value] = [] } of node.children ?? [])
    if (key !== undefined && value !== undefined) object[String(key.value)] = dataOf(value)
  return object
}
