/*!
 * The package contains parts of jsonc-parser (https://github.com/microsoft/node-jsonc-parser).
 *
 * The MIT License (MIT)
 *
 * Copyright (c) Microsoft
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { nearestName } from '#support/nearest-name.ts'
import { quote } from '#support/quote.ts'
import type { ObjectShape, Shape, TableShape, VariantsShape } from './shape.ts'

/** A fault of a configuration file. */
export interface ConfigurationFault {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  /** The place, the fault and the remedy. It contains names of the file, and none of its values. */
  readonly message: string
}

/** The contents of a file, or its faults. Objects have no prototype. */
export type ShapedValue =
  | { readonly value: unknown; readonly faults: readonly [] }
  | { readonly faults: readonly ConfigurationFault[] }

/** The most faults that are reported. */
const mostFaults = 20

/** The deepest nesting of a file; no valid one has so much. */
const mostDepth = 16

/** Reads a text as strict JSON of a shape. Comments, duplicate names and unknown names are faults. GTW-01 */
export function readShape(text: string, shape: Shape): ShapedValue {
  const faults: ConfigurationFault[] = []
  const add = (offset: number, message: string): void => {
    if (faults.length < mostFaults) faults.push({ ...placeOf(text, offset), message })
  }
  const errors: ParseError[] = []
  const deep = tooDeep(text)
  if (deep !== undefined) add(deep, `the file is nested too deeply; at most ${mostDepth} levels are read`)
  if (text.trim() === '') add(0, 'the file is empty; it must contain a JSON object')
  const tree =
    deep === undefined && faults.length === 0 ? parseTree(text, errors, { disallowComments: true }) : undefined
  for (const { error, offset } of errors) add(offset, syntaxFault(printParseErrorCode(error)))
  if (tree === undefined || faults.length > 0) return { faults }
  const value = readNode(tree, shape, '', add)
  return faults.length > 0 ? { faults } : { value, faults: [] }
}

type AddFault = (offset: number, message: string) => void

function readNode(node: Node, shape: Shape, path: string, add: AddFault): unknown {
  const of = path === '' ? 'the file' : `\`${path}\``
  const fault = (message: string): undefined => void add(node.offset, `${of} ${message}`)
  switch (shape.kind) {
    case 'string': {
      if (node.type !== 'string') return fault(`must be ${shape.noun} (got ${kindOf(node)})`)
      const value = String(node.value)
      const wrong =
        shape.choices?.includes(value) === false ? `must be ${choiceOf(shape.choices)}` : shape.check?.(value)
      return wrong === undefined ? value : fault(wrong)
    }
    case 'constant':
      return node.value === shape.value ? node.value : fault(`must be ${shape.value}`)
    case 'integer': {
      const { least, most } = shape
      const isRight = Number.isInteger(node.value) && node.value >= least && node.value <= most
      return isRight ? node.value : fault(`must be an integer from ${least} to ${most} (got ${kindOf(node)})`)
    }
    case 'list': {
      if (node.type !== 'array') return fault(`must be a list (got ${kindOf(node)})`)
      const items = node.children ?? []
      if (items.length < shape.least) return fault('must be a non-empty list')
      return items.map((item, index) => readNode(item, shape.item, `${path}[${index}]`, add))
    }
    default:
      return node.type === 'object'
        ? readMembers(node, shape, path, add)
        : fault(`must be an object (got ${kindOf(node)})`)
  }
}

function readMembers(
  node: Node,
  shape: TableShape | ObjectShape | VariantsShape,
  path: string,
  add: AddFault,
): unknown {
  const members = membersOf(node, path, add)
  if (shape.kind === 'table') return readTable(members, shape, path, add)
  if (shape.kind === 'object') return readObject(node, members, shape, path, add)
  const type = members.get('type')
  const choices = Object.keys(shape.variants)
  const variant = choices.includes(String(type?.value.value)) ? shape.variants[String(type?.value.value)] : undefined
  if (variant !== undefined) return readObject(node, members, variant, path, add)
  const choice = choiceOf(choices)
  if (type === undefined) add(node.offset, `\`${path}\` has no \`type\`; add it: ${choice}`)
  else add(type.value.offset, `\`${path}.type\` must be ${choice}`)
  return undefined
}

interface Member {
  readonly name: Node
  readonly value: Node
}

/** The members of an object. A name that is there twice is a fault: readers disagree about which of the two counts. */
function membersOf(node: Node, path: string, add: AddFault): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>()
  for (const { children: [name, value] = [] } of node.children ?? []) {
    if (name === undefined || value === undefined) continue
    const text = String(name.value)
    if (members.has(text)) add(name.offset, `${placeIn(path, text)} is there twice; remove one of the two`)
    else members.set(text, { name, value })
  }
  return members
}

function readTable(
  members: ReadonlyMap<string, Member>,
  { value: shape, checkName }: TableShape,
  path: string,
  add: AddFault,
): unknown {
  const table: Record<string, unknown> = Object.create(null)
  for (const [text, { name, value }] of members) {
    const wrong = checkName(text)
    if (wrong !== undefined) add(name.offset, `the name ${quote(text)} in \`${path}\` ${wrong}`)
    else table[text] = readNode(value, shape, `${path}.${text}`, add)
  }
  return table
}

function readObject(
  node: Node,
  members: ReadonlyMap<string, Member>,
  { fields, check }: ObjectShape,
  path: string,
  add: AddFault,
): unknown {
  const read: Record<string, unknown> = Object.create(null)
  let isWhole = true
  for (const [text, { name, value }] of members) {
    const field = Object.hasOwn(fields, text) ? fields[text] : undefined
    if (field === undefined) {
      const near = nearestName(text, Object.keys(fields))
      const known = Object.keys(fields).map((one) => `\`${one}\``)
      const hint = near === undefined ? `use ${known.join(', ')}` : `did you mean \`${near}\`?`
      add(name.offset, `${placeIn(path, text)} is unknown; ${hint}`)
      isWhole = false
    } else read[text] = readNode(value, field.shape, path === '' ? text : `${path}.${text}`, add)
  }
  for (const [name, { optional, about }] of Object.entries(fields)) {
    if (optional === true || members.has(name)) continue
    add(node.offset, `${placeIn(path, name)} is missing; add it: ${about}`)
    isWhole = false
  }
  const wrong = isWhole && !Object.values(read).includes(undefined) ? check?.(read) : undefined
  if (wrong !== undefined) add(node.offset, `${path === '' ? 'the file' : `\`${path}\``} ${wrong}`)
  return read
}

function placeIn(path: string, name: string): string {
  return quote(path === '' ? name : `${path}.${name}`, 100)
}

function choiceOf(choices: readonly string[]): string {
  return choices.map((choice) => `"${choice}"`).join(' or ')
}

/** The kind of a value, and not the value: it may be a secret in the wrong place. */
function kindOf({ type }: Node): string {
  return (
    { array: 'a list', object: 'an object', string: 'a string', number: 'a number', boolean: 'true or false' }[
      type as string
    ] ?? 'null'
  )
}

const syntaxFaults: ReadonlyMap<string, string> = new Map([
  ['InvalidCommentToken', 'comments are not allowed in JSON; remove it'],
  ['CommaExpected', 'a comma is missing'],
  ['ColonExpected', 'a colon is missing'],
  ['CloseBraceExpected', 'a closing brace is missing'],
  ['CloseBracketExpected', 'a closing bracket is missing'],
  ['PropertyNameExpected', 'a name in double quotes is missing, or there is a comma too many'],
  ['ValueExpected', 'a value is missing, or there is a comma too many'],
  ['EndOfFileExpected', 'the file continues after its end; remove the rest'],
  ['UnexpectedEndOfString', 'the string does not end on its line; add a double quote'],
  ['UnexpectedEndOfNumber', 'the number is malformed'],
  ['InvalidNumberFormat', 'the number is malformed'],
  ['InvalidEscapeCharacter', 'the string has an invalid escape sequence'],
  ['InvalidUnicode', 'the string has an invalid escape sequence'],
  ['InvalidCharacter', 'the string has a control character; write it as an escape sequence'],
])

function syntaxFault(code: string): string {
  return syntaxFaults.get(code) ?? 'the text is not valid JSON here'
}

function placeOf(text: string, offset: number): Pick<ConfigurationFault, 'line' | 'column'> {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/)
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** The place at which a text is nested too deeply for the parser, which calls itself for each level. */
function tooDeep(text: string): number | undefined {
  let depth = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (isString) {
      if (character === '\\') at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    if (depth > mostDepth) return at
  }
  return undefined
}
