import { type RequestSchemas, requestArguments } from 'procura/http/binding'
import type { Policy, Statement } from 'procura/policy'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/** The values that requests to one API have. */
export interface RequestValues {
  readonly methods: readonly string[]
  readonly origin: string
}

/**
 * Refuses conditions with a value that no request has: they would refuse every request, or none where they are
 * negated.
 *
 * @throws UsageError that has the value to write.
 */
export function checkRequestPolicy(policy: Policy, { methods, origin }: RequestValues): void {
  const { host, protocol } = new URL(origin)
  const known = new Map([
    ['method', methods],
    ['scheme', [protocol.slice(0, -1)]],
    ['host', [host]],
  ])
  for (const statement of policy) checkStatement(statement, known, false)
}

type Known = ReadonlyMap<string, readonly string[]>

function checkStatement(statement: Statement, known: Known, isNegated: boolean): void {
  switch (statement[0]) {
    case 'and':
    case 'or':
      for (const part of statement[1]) checkStatement(part, known, isNegated)
      return
    case 'not':
      checkStatement(statement[1], known, !isNegated)
      return
    case '==':
    case '!=':
      checkValue(statement[0], statement[1], statement[2], isNegated === (statement[0] === '!=') ? known : new Map())
      return
    case 'like':
      checkPattern(statement[1], statement[2])
  }
}

function checkValue(operator: string, selector: string, value: unknown, known: Known): void {
  const name = partOf(selector)
  // Null is the value of an optional part that is missing.
  if (name === undefined || (value === null && selector.endsWith('?'))) return
  const text = typeof value === 'string' ? value : undefined
  if (text?.includes('*') === true) {
    const like = quote(`${selector} like ${text}`)
    throw new UsageError(
      `--policy: ${operator} compares the whole text of ${selector}, also an asterisk; write ${like}`,
    )
  }
  const written = text === undefined ? undefined : spellings(name, text).find((one) => isValid(name, one))
  const condition = `--policy: no request matches ${quote(`${selector} ${operator} ${text ?? JSON.stringify(value)}`)}`
  if (written === undefined) throw new UsageError(`${condition}; ${forms[name]}`)
  if (written !== text)
    throw new UsageError(`${condition}; ${forms[name]}: write ${quote(`${selector} ${operator} ${written}`)}`)
  const values = known.get(name)
  if (values?.includes(written) !== false) return
  const next = name === 'method' ? '; another one is for --method' : ''
  throw new UsageError(`${condition}; requests to this API have ${values.map((one) => quote(one)).join(', ')}${next}`)
}

/** The characters of a pattern that no value has. Its other faults depend on the text in the place of `*`. */
const foreign: { readonly [Name in keyof RequestSchemas]?: RegExp } = {
  method: /[^A-Z*]/,
  scheme: /[^a-z*]/,
  host: /[A-Z/?#@]/,
  path: /^[^/*]|[?#]/,
}

function checkPattern(selector: string, pattern: string): void {
  const name = partOf(selector)
  if (name === undefined || foreign[name]?.test(pattern) !== true) return
  const written = spellings(name, pattern).find((one) => foreign[name]?.test(one) === false)
  const next = written === undefined ? '' : `: write ${quote(`${selector} like ${written}`)}`
  throw new UsageError(`--policy: no request matches ${quote(`${selector} like ${pattern}`)}; ${forms[name]}${next}`)
}

const forms: { readonly [Name in keyof RequestSchemas]: string } = {
  method: 'methods are in upper case',
  scheme: 'a scheme is http or https',
  host: 'a host is in lower case, with its port unless that is the default, and without scheme and path',
  path: 'a path begins with a slash, has one spelling, and ends before the question mark; the rest is in .query',
  query: 'a query is non-empty and has one spelling',
  digest: 'a digest is written as in Content-Digest, such as sha-256=:…:',
}

/** The part of a request that a selector is about; undefined for another selector, such as one of a range. */
function partOf(selector: string): keyof RequestSchemas | undefined {
  const name = /^\.([a-z]+)\??$/.exec(selector)?.[1] ?? ''
  return Object.hasOwn(forms, name) ? (name as keyof RequestSchemas) : undefined
}

/** A value as it was written, and as it could be meant. */
function spellings(name: keyof RequestSchemas, text: string): readonly string[] {
  if (name === 'method') return [text, text.toUpperCase()]
  if (name === 'path') return [text, `/${text}`]
  return name === 'host' || name === 'scheme' ? [text, text.toLowerCase()] : [text]
}

function isValid(name: keyof RequestSchemas, text: string): boolean {
  const { validate } = requestArguments()[name]['~standard']
  return Object(validate(text)).issues === undefined
}
