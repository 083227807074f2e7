/**
 * A second policy language: slow, plain, and written from `spec/policy.md` only. It shares no code with `src/`, so that
 * a mistake is only unnoticed if two readings make it. It is used for small inputs, and has no budget.
 *
 * @module
 */
import { CID } from 'multiformats/cid'

/** The verdict of a statement, or of a whole policy, about a value. Only `true` permits. */
export type Verdict = true | false | 'unresolved'

/** One step of a selector. `optional` means that it ended in `?`. */
export type Segment =
  | { readonly kind: 'field'; readonly name: string; readonly optional: boolean }
  | { readonly kind: 'values'; readonly optional: boolean }
  | { readonly kind: 'index'; readonly index: number; readonly optional: boolean }
  | {
      readonly kind: 'slice'
      readonly start: number | undefined
      readonly end: number | undefined
      readonly optional: boolean
    }

/** The result of {@link resolveSelector} when that path does not have a value. */
export const unresolved: unique symbol = Symbol('unresolved')

/** Evaluates a policy over the arguments of a call. `'malformed'` if it is not a policy. */
export function evaluatePolicy(policy: unknown, args: unknown): Verdict | 'malformed' {
  if (!isPolicy(policy)) return 'malformed'
  return every((policy as unknown[]).map((statement) => evaluateStatement(statement, args)))
}

/** Returns whether a value is a policy: a list of statements, each of the exact form of its operator. */
export function isPolicy(value: unknown): boolean {
  return Array.isArray(value) && value.every(isStatement)
}

const operators = ['==', '!=', '<', '<=', '>', '>=', 'like', 'and', 'or', 'not', 'all', 'any']

/** Returns whether a list of statements is malformed, perhaps because of an operator that is unknown here. */
export function hasUnknownOperator(statements: unknown): boolean {
  if (!Array.isArray(statements)) return false
  return (statements as unknown[]).some((statement) => {
    if (!Array.isArray(statement)) return false
    const [operator, second, third] = statement as unknown[]
    if (typeof operator === 'string' && !operators.includes(operator)) return true
    if (operator === 'and' || operator === 'or') return hasUnknownOperator(second)
    if (operator === 'not') return hasUnknownOperator([second])
    return (operator === 'all' || operator === 'any') && hasUnknownOperator([third])
  })
}

function isStatement(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const [operator, second, third] = value as unknown[]
  switch (operator) {
    case '==':
    case '!=':
      return value.length === 3 && isSelector(second)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return value.length === 3 && isSelector(second) && typeof third === 'number'
    case 'like':
      return value.length === 3 && isSelector(second) && typeof third === 'string'
    case 'and':
    case 'or':
      return value.length === 2 && Array.isArray(second) && second.every(isStatement)
    case 'not':
      return value.length === 2 && isStatement(second)
    case 'all':
    case 'any':
      return value.length === 3 && isSelector(second) && isStatement(third)
    default:
      return false
  }
}

function isSelector(value: unknown): value is string {
  return typeof value === 'string' && parseSelector(value) !== undefined
}

function evaluateStatement(statement: unknown, value: unknown): Verdict {
  const [operator, second, third] = statement as [string, unknown, unknown]
  if (operator === 'and') return every((second as unknown[]).map((inner) => evaluateStatement(inner, value)))
  if (operator === 'or') {
    const inner = second as unknown[]
    return inner.length === 0 ? true : some(inner.map((one) => evaluateStatement(one, value)))
  }
  if (operator === 'not') return negate(evaluateStatement(second, value))

  const found = resolveSelector(parseSelector(second as string) as Segment[], value)
  if (found === unresolved) return 'unresolved'
  switch (operator) {
    case '==':
      return sameValue(found, third)
    case '!=':
      return !sameValue(found, third)
    case '<':
      return typeof found === 'number' && found < (third as number)
    case '<=':
      return typeof found === 'number' && found <= (third as number)
    case '>':
      return typeof found === 'number' && found > (third as number)
    case '>=':
      return typeof found === 'number' && found >= (third as number)
    case 'like':
      return typeof found === 'string' && globMatches(third as string, found)
    case 'all': {
      const elements = elementsOf(found)
      return elements === undefined ? false : every(elements.map((element) => evaluateStatement(third, element)))
    }
    default: {
      const elements = elementsOf(found)
      return elements === undefined ? false : some(elements.map((element) => evaluateStatement(third, element)))
    }
  }
}

// Kleene's strong logic. `some` of an empty list is false; `or: []`, the one place where it is true, handles that
// itself.
function every(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(false)) return false
  return verdicts.includes('unresolved') ? 'unresolved' : true
}

function some(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(true)) return true
  return verdicts.includes('unresolved') ? 'unresolved' : false
}

function negate(verdict: Verdict): Verdict {
  return verdict === 'unresolved' ? 'unresolved' : !verdict
}

/** Parses a selector; `undefined` when any part of the text is not of the grammar. */
export function parseSelector(text: string): Segment[] | undefined {
  if (isIdentity(text)) return []
  const segments: Segment[] = []
  let at = 0
  while (at < text.length) {
    const step = readDotted(text, at) ?? readBracket(text, text[at] === '.' ? at + 1 : at)
    if (step === undefined) return undefined
    const end = skipQuestionMarks(text, step.end)
    segments.push({ ...step.segment, optional: end > step.end })
    at = end
  }
  return segments.length === 0 ? undefined : segments
}

type Step = { readonly segment: Segment; readonly end: number }

function isIdentity(text: string): boolean {
  return text[0] === '.' && skipQuestionMarks(text, 1) === text.length
}

function skipQuestionMarks(text: string, at: number): number {
  let end = at
  while (text[end] === '?') end += 1
  return end
}

function readDotted(text: string, at: number): Step | undefined {
  if (text[at] !== '.' || !/^[A-Za-z_]$/.test(text[at + 1] ?? '')) return undefined
  let end = at + 2
  while (/^[A-Za-z0-9_]$/.test(text[end] ?? '')) end += 1
  return { segment: { kind: 'field', name: text.slice(at + 1, end), optional: false }, end }
}

function readBracket(text: string, at: number): Step | undefined {
  if (text[at] !== '[') return undefined
  if (text[at + 1] === '"') return readQuoted(text, at + 1)
  const close = text.indexOf(']', at)
  if (close === -1) return undefined
  const inside = text.slice(at + 1, close)
  const end = close + 1
  if (inside === '') return { segment: { kind: 'values', optional: false }, end }
  const parts = inside.split(':')
  if (parts.length === 1) {
    const index = readInteger(inside)
    return index === undefined ? undefined : { segment: { kind: 'index', index, optional: false }, end }
  }
  if (parts.length !== 2 || inside === ':') return undefined
  const [first, second] = parts as [string, string]
  const start = first === '' ? undefined : readInteger(first)
  const stop = second === '' ? undefined : readInteger(second)
  if ((first !== '' && start === undefined) || (second !== '' && stop === undefined)) return undefined
  return { segment: { kind: 'slice', start, end: stop, optional: false }, end }
}

function readQuoted(text: string, at: number): Step | undefined {
  let close = at + 1
  while (close < text.length && text[close] !== '"') close += text[close] === '\\' ? 2 : 1
  if (text[close] !== '"' || text[close + 1] !== ']') return undefined
  let name: unknown
  try {
    name = JSON.parse(text.slice(at, close + 1))
  } catch {
    return undefined
  }
  if (typeof name !== 'string' || hasLoneSurrogate(name)) return undefined
  return { segment: { kind: 'field', name, optional: false }, end: close + 2 }
}

function hasLoneSurrogate(text: string): boolean {
  return [...text].some((character) => /^[\ud800-\udfff]$/.test(character))
}

function readInteger(text: string): number | undefined {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Walks the segments from left to right. */
export function resolveSelector(segments: readonly Segment[], value: unknown): unknown {
  let current = value
  for (const segment of segments) {
    const next = take(segment, current)
    if (next !== unresolved) current = next
    else if (segment.optional) current = null
    else return unresolved
  }
  return current
}

function take(segment: Segment, value: unknown): unknown {
  switch (segment.kind) {
    case 'field':
      return isMap(value) && Object.hasOwn(value, segment.name) ? value[segment.name] : unresolved
    case 'values':
      if (Array.isArray(value)) return value
      return isMap(value) ? valuesOf(value) : unresolved
    case 'index': {
      if (!Array.isArray(value) && !(value instanceof Uint8Array)) return unresolved
      const position = segment.index < 0 ? value.length + segment.index : segment.index
      return position >= 0 && position < value.length ? value[position] : unresolved
    }
    case 'slice':
      if (!Array.isArray(value) && !(value instanceof Uint8Array)) return unresolved
      return value.slice(segment.start, segment.end)
  }
}

function elementsOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value
  return isMap(value) ? valuesOf(value) : undefined
}

function valuesOf(map: { readonly [key: string]: unknown }): unknown[] {
  return Object.keys(map)
    .sort(compareKeys)
    .map((key) => map[key])
}

/** The order of keys in canonical DAG-CBOR: shorter first, then bytewise, both over UTF-8. */
export function compareKeys(left: string, right: string): number {
  const a = new TextEncoder().encode(left)
  const b = new TextEncoder().encode(right)
  if (a.length !== b.length) return a.length - b.length
  const at = a.findIndex((byte, index) => byte !== b[index])
  return at === -1 ? 0 : (a[at] as number) - (b[at] as number)
}

function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CID)
  )
}

/** Deep equality of two IPLD values; numbers by value, so `1` is `1.0` and `-0` is `0`. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((element, index) => sameValue(element, right[index]))
    )
  }
  if (left instanceof Uint8Array || right instanceof Uint8Array) {
    return (
      left instanceof Uint8Array &&
      right instanceof Uint8Array &&
      left.length === right.length &&
      left.every((byte, index) => byte === right[index])
    )
  }
  if (left instanceof CID || right instanceof CID) {
    return left instanceof CID && right instanceof CID && left.toString() === right.toString()
  }
  if (isMap(left) || isMap(right)) {
    if (!isMap(left) || !isMap(right)) return false
    const keys = Object.keys(left)
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
    )
  }
  return left === right
}

/**
 * `like`, by the whole table of "the first i tokens of the pattern match the first j code units of the text".
 * Quadratic, and hard to get wrong.
 */
export function globMatches(pattern: string, text: string): boolean {
  const tokens = globTokens(pattern)
  const table = Array.from({ length: tokens.length + 1 }, () => new Array<boolean>(text.length + 1).fill(false))
  const cell = (i: number, j: number): boolean => table[i]?.[j] ?? false
  for (let i = 0; i <= tokens.length; i++) {
    for (let j = 0; j <= text.length; j++) {
      const row = table[i] as boolean[]
      if (i === 0) row[j] = j === 0
      else if (tokens[i - 1] === wildcard) row[j] = cell(i - 1, j) || (j > 0 && cell(i, j - 1))
      else row[j] = j > 0 && tokens[i - 1] === text[j - 1] && cell(i - 1, j - 1)
    }
  }
  return cell(tokens.length, text.length)
}

const wildcard: unique symbol = Symbol('*')

function globTokens(pattern: string): (string | typeof wildcard)[] {
  const tokens: (string | typeof wildcard)[] = []
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '\\' && pattern[at + 1] === '*') {
      tokens.push('*')
      at += 1
    } else if (pattern[at] === '*') tokens.push(wildcard)
    else tokens.push(pattern[at] as string)
  }
  return tokens
}
