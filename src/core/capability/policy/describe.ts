import { quoteAll } from '../../../support/quote.ts'
import { splitGlob } from './glob.ts'
import { maxSelectorLength } from './selector.ts'
import { showLiteral } from './show.ts'
import type { Statement } from './statement.ts'

/**
 * Describes one statement.
 *
 * @param owner - the value at which its selectors begin, such as `element`. Default: the arguments.
 */
export function describeStatement(statement: Statement, owner = ''): string {
  switch (statement[0]) {
    case '==':
      return `${name(statement[1], owner)} is ${showLiteral(statement[2])}`
    case '!=':
      return statement[1].endsWith('?')
        ? `${name(statement[1], owner)} is not ${showLiteral(statement[2])} (a missing value counts as \`null\`)`
        : `${name(statement[1], owner)} is present and is not ${showLiteral(statement[2])}`
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `${name(statement[1], owner)} is a number ${statement[0]} ${statement[2]}`
    case 'like':
      return `${name(statement[1], owner)} ${describePattern(statement[2])}`
    case 'and':
      if (statement[1].length === 0) return 'anything'
      return join(statement[1], ' and ', owner)
    case 'or':
      if (statement[1].length === 0) return 'anything (an `or` without statements always holds)'
      return join(statement[1], ' or ', owner)
    case 'not':
      return `it is not the case that ${describeStatement(statement[1], owner)}`
    case 'all':
      return `for every element of ${name(statement[1], owner)}: ${describeStatement(statement[2], 'element')}`
    case 'any':
      return `for at least one element of ${name(statement[1], owner)}: ${describeStatement(statement[2], 'element')}`
    case 'limit/uses':
      return describeCount(statement[1], statement[2] === undefined ? '' : ` at ${statement[2]} alone`)
    case 'limit/concurrent':
      return describeCount(statement[1], ' at the same time')
    case 'limit/rate':
      return describeCount(statement[1], ` in any ${statement[2]} seconds`)
    case 'limit/sum':
      return `${name(statement[1], owner)} adds up to at most ${statement[2]} in the calls of all holders together`
  }
}

function describeCount(calls: number, when: string): string {
  if (calls === 0) return 'no call is made'
  return `at most ${calls} call${calls === 1 ? ' is' : 's are'} made${when}, by all holders together`
}

/** Describes the strings that match a pattern. */
function describePattern(pattern: string): string {
  const pieces = splitGlob(pattern)
  const [head = '', tail = ''] = [pieces[0], pieces.at(-1)]
  if (pieces.length === 1) return `is ${showLiteral(head)}`
  const inner = pieces.slice(1, -1).filter((piece) => piece !== '')
  const parts: string[] = []
  if (head !== '') parts.push(`begins with ${showLiteral(head)}`)
  if (inner.length > 0) parts.push(`contains ${inner.map((piece) => showLiteral(piece)).join(' and then ')}`)
  if (tail !== '') parts.push(`ends with ${showLiteral(tail)}`)
  return parts.length === 0 ? 'is any string' : `is a string that ${parts.join(', ')}`
}

function name(selector: string, owner: string): string {
  if (selector === '.') return owner === '' ? 'the map of all arguments' : `the ${owner}`
  const shown = quoteAll(selector, maxSelectorLength)
  return owner === '' ? shown : `${shown} of the ${owner}`
}

function join(statements: readonly Statement[], word: string, owner: string): string {
  const [only, ...more] = statements
  if (only !== undefined && more.length === 0) return describeStatement(only, owner)
  return `(${statements.map((statement) => describePart(statement, owner)).join(word)})`
}

/**
 * Puts a phrase that extends to the end of its sentence in parentheses, so that the next phrase is not read as part of
 * it.
 */
function describePart(statement: Statement, owner: string): string {
  const words = describeStatement(statement, owner)
  if ((statement[0] === 'and' || statement[0] === 'or') && statement[1].length === 1) {
    return describePart(statement[1][0] as Statement, owner)
  }
  return statement[0] === 'not' || statement[0] === 'all' || statement[0] === 'any' ? `(${words})` : words
}
