import type { Policy } from 'procura'
import { MalformedError } from 'procura/errors'
import { parsePolicy } from 'procura/policy'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/** Most characters of a statement, and most levels of parentheses in it. */
const maxLength = 4_096
const maxDepth = 16

/**
 * Reads statements in the form for people: `.to like *@example.com`, `.cents <= 5000 and not .draft == true`,
 * `every .to (. like *@example.com)`, `max-uses 10`. All of them must hold. `spec/cli.md` has the grammar. CLI-05
 *
 * @throws UsageError when a text is not a statement; it names the text and the position.
 */
export function readPolicyTexts(texts: readonly string[]): Policy {
  const statements = texts.map(readStatement)
  try {
    return parsePolicy(statements)
  } catch (error) {
    if (error instanceof MalformedError) throw new UsageError(`--policy: ${error.message}`)
    throw error
  }
}

/** A statement that `parsePolicy` has not checked. */
type Draft = readonly unknown[]

/** One piece of the text, and its position. */
interface Token {
  readonly kind: 'selector' | 'operator' | 'word' | 'value' | 'open' | 'close'
  readonly text: string
  /** Of a quoted string, a number, `true`, `false` or `null`. */
  readonly value?: unknown
  readonly at: number
}

function readStatement(text: string): Draft {
  if (text.length > maxLength) throw new UsageError(`--policy: a statement has more than ${maxLength} characters`)
  const reader = readerOf(text)
  const statement = readOr(reader, 0)
  if (reader.peek() !== undefined) throw reader.wrong('the end, `and` or `or`')
  return statement
}

function readOr(reader: Reader, depth: number): Draft {
  return readJoined(reader, 'or', () => readJoined(reader, 'and', () => readUnit(reader, depth)))
}

function readJoined(reader: Reader, word: 'and' | 'or', readPart: () => Draft): Draft {
  const parts = [readPart()]
  while (reader.take('word', word)) parts.push(readPart())
  return parts.length === 1 ? (parts[0] as Draft) : [word, parts]
}

function readUnit(reader: Reader, depth: number): Draft {
  if (depth > maxDepth) throw new UsageError(`--policy: a statement has more than ${maxDepth} levels`)
  if (reader.take('open')) {
    const inner = readOr(reader, depth + 1)
    if (!reader.take('close')) throw reader.wrong('`)`')
    return inner
  }
  if (reader.take('word', 'not')) return ['not', readUnit(reader, depth + 1)]
  for (const [word, operator] of [['every', 'all'] as const, ['some', 'any'] as const]) {
    if (!reader.take('word', word)) continue
    const selector = reader.need('selector', 'a selector such as `.to`').text
    if (reader.peek()?.kind !== 'open') throw reader.wrong('`(`')
    return [operator, selector, readUnit(reader, depth + 1)]
  }
  return readLimit(reader) ?? readComparison(reader)
}

function readLimit(reader: Reader): Draft | undefined {
  const number = (): unknown => reader.need('value', 'a number').value
  if (reader.take('word', 'max-uses')) {
    const uses = number()
    return reader.take('word', 'at')
      ? ['limit/uses', uses, reader.need('word', 'the DID of a service').text]
      : ['limit/uses', uses]
  }
  if (reader.take('word', 'max-concurrent')) return ['limit/concurrent', number()]
  if (reader.take('word', 'max-rate')) return ['limit/rate', number(), number()]
  if (!reader.take('word', 'max-sum')) return undefined
  // The text of the number is kept: a decimal such as 250.10 is not a binary fraction.
  return [
    'limit/sum',
    reader.need('selector', 'a selector such as `.amount`').text,
    reader.need('value', 'a number').text,
  ]
}

function readComparison(reader: Reader): Draft {
  const selector = reader.need('selector', 'a selector such as `.to`').text
  if (reader.take('word', 'like')) {
    const pattern = reader.next()
    if (pattern === undefined || pattern.kind === 'open' || pattern.kind === 'close')
      throw reader.wrong('a pattern such as *@example.com', pattern)
    return ['like', selector, typeof pattern.value === 'string' ? pattern.value : pattern.text]
  }
  const operator = reader.need('operator', 'like, ==, !=, <, <=, > or >= (and `or` between several values)').text
  const value = reader.next()
  if (value?.kind === 'value') return [operator, selector, value.value]
  // A word without quotes is a string, but not where it could be meant as something else.
  if (value?.kind === 'word' && !keywords.has(value.text)) return [operator, selector, value.text]
  throw reader.wrong('a value: a number, true, false, null, a word, or a string in double quotes', value)
}

interface Reader {
  peek(): Token | undefined
  next(): Token | undefined
  /** Takes the next token, if it is this one. */
  take(kind: Token['kind'], text?: string): boolean
  need(kind: Token['kind'], what: string): Token
  wrong(what: string, found?: Token): UsageError
}

function readerOf(text: string): Reader {
  const tokens = tokensOf(text)
  let at = 0
  const wrong = (what: string, found: Token | undefined = tokens[at]): UsageError =>
    new UsageError(`--policy ${quote(text, 256)}: expected ${what} at character ${(found?.at ?? text.length) + 1}`)
  return {
    peek: () => tokens[at],
    next: () => tokens[at++],
    take(kind, word) {
      const token = tokens[at]
      if (token?.kind !== kind || (word !== undefined && token.text !== word)) return false
      at += 1
      return true
    },
    need(kind, what) {
      const token = tokens[at]
      if (token?.kind !== kind) throw wrong(what)
      at += 1
      return token
    },
    wrong,
  }
}

const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'every', 'some', 'like'])

/** Splits a text. Every form is matched at one position, and no two begin alike. */
function tokensOf(text: string): readonly Token[] {
  if (/^\s*\[/.test(text))
    throw new UsageError(`--policy ${quote(text, 256)}: statements in JSON go into a file, which --policy-file names`)
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const space = matchAt(/[ \t\n]+/y, text, at)
    at += space.length
    if (at >= text.length) break
    const token = readToken(text, at)
    if (token === undefined)
      throw new UsageError(
        `--policy ${quote(text, 256)}: character ${at + 1} is not expected; ${/^=[^=]/.test(text.slice(at)) ? 'write == to compare' : 'quote strings with "'}`,
      )
    tokens.push({ ...token, at })
    at += token.length
  }
  return tokens
}

function readToken(text: string, at: number): (Omit<Token, 'at'> & { readonly length: number }) | undefined {
  const first = text.charAt(at)
  if (first === '(') return { kind: 'open', text: first, length: 1 }
  if (first === ')') return { kind: 'close', text: first, length: 1 }
  if (first === '"') return stringToken(matchAt(/"(?:[^"\\]|\\.)*"/y, text, at))
  const operator = matchAt(/[=!<>]=|[<>]/y, text, at)
  if (operator !== '') return { kind: 'operator', text: operator, length: operator.length }
  if (first === '.') {
    const selector = text.slice(at, selectorEnd(text, at))
    return { kind: 'selector', text: selector, length: selector.length }
  }
  const word = matchAt(/[^\s()"=!<>][^\s()"]*/y, text, at)
  if (word === '') return undefined
  const value = literalOf(word)
  return value === undefined
    ? { kind: 'word', text: word, length: word.length }
    : { kind: 'value', text: word, value: value.value, length: word.length }
}

/** The end of a selector. Names in brackets are JSON strings, which may contain spaces. */
function selectorEnd(text: string, start: number): number {
  let at = start
  for (;;) {
    const step = matchAt(/[^\s()"[\]=!<>]+/y, text, at) || matchAt(/\["(?:[^"\\]|\\.)*"\]/y, text, at)
    const next = at + (step || matchAt(/\[[0-9:-]*\]/y, text, at)).length
    if (next === at) return at
    at = next
  }
}

function stringToken(json: string): (Omit<Token, 'at'> & { readonly length: number }) | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return { kind: 'value', text: json, value, length: json.length }
  } catch {
    return undefined
  }
}

function literalOf(word: string): { readonly value: unknown } | undefined {
  if (word === 'true' || word === 'false') return { value: word === 'true' }
  if (word === 'null') return { value: null }
  return /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/.test(word) ? { value: Number(word) } : undefined
}

/** The match of a sticky form at one position. */
function matchAt(form: RegExp, text: string, at: number): string {
  form.lastIndex = at
  return form.exec(text)?.[0] ?? ''
}
