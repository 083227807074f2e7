import { requestArguments } from 'procura/http/binding'
import type { Policy, Statement } from 'procura/policy'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/**
 * Refuses comparisons with a value that no request has: they would refuse every request, or none where they are
 * negated.
 *
 * @throws UsageError with the form of the values.
 */
export function checkRequestPolicy(policy: Policy): void {
  for (const statement of policy) checkStatement(statement)
}

function checkStatement(statement: Statement): void {
  switch (statement[0]) {
    case 'and':
    case 'or':
      checkRequestPolicy(statement[1])
      return
    case 'not':
      checkStatement(statement[1])
      return
    case '==':
    case '!=':
      checkValue(statement[0], statement[1], statement[2])
  }
}

function checkValue(operator: string, selector: string, value: unknown): void {
  const name = /^\.([a-z]+)\??$/.exec(selector)?.[1] ?? ''
  // Null is the value of an optional part that is missing.
  if (!Object.hasOwn(forms, name) || (value === null && selector.endsWith('?'))) return
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.includes('*')) {
    const like = quote(`${selector} like ${text}`)
    throw new UsageError(
      `--policy: ${operator} compares the whole text of ${selector}, also an asterisk; write ${like}`,
    )
  }
  const part = name as keyof typeof forms
  if (Object(requestArguments()[part]['~standard'].validate(value)).issues === undefined) return
  throw new UsageError(`--policy: no request matches ${quote(`${selector} ${operator} ${text}`)}; ${forms[part]}`)
}

const forms: { readonly [Name in keyof ReturnType<typeof requestArguments>]: string } = {
  method: 'methods are in upper case',
  scheme: 'a scheme is http or https',
  host: 'a host is in lower case, with its port unless that is the default, and without scheme and path',
  path: 'a path begins with a slash, has one spelling, and ends before the question mark; the rest is in .query',
  query: 'a query is non-empty and has one spelling',
  digest: 'a digest is written as in Content-Digest, such as sha-256=:…:',
}
