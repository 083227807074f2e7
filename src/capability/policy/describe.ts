import { quoteAll } from '../../support/quote.ts'
import { splitGlob } from './glob.ts'
import { parsePolicy } from './parse-policy.ts'
import { maxSelectorLength } from './selector.ts'
import { showLiteral } from './show.ts'
import type { Policy, Statement } from './statement.ts'

/**
 * Says in plain English what a policy allows: one sentence without a full stop for each statement, all of which must
 * hold. Made for a person who is asked to agree to it: what is cut is said to be cut.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 */
export function describePolicy(policy: Policy): readonly string[] {
  return parsePolicy(policy).map((statement) => describeStatement(statement))
}

/** Says what one statement asks for. `owner` is what its selectors begin at, when that is not the arguments. */
export function describeStatement(statement: Statement, owner = ''): string {
  switch (statement[0]) {
    case '==':
      return `${name(statement[1], owner)} is ${showLiteral(statement[2])}`
    case '!=':
      return statement[1].endsWith('?')
        ? `${name(statement[1], owner)} is not ${showLiteral(statement[2])} (a value that is missing counts as \`null\`)`
        : `${name(statement[1], owner)} is there and is not ${showLiteral(statement[2])}`
    case '<':
      return `${name(statement[1], owner)} is a number below ${statement[2]}`
    case '<=':
      return `${name(statement[1], owner)} is a number of at most ${statement[2]}`
    case '>':
      return `${name(statement[1], owner)} is a number above ${statement[2]}`
    case '>=':
      return `${name(statement[1], owner)} is a number of at least ${statement[2]}`
    case 'like':
      return `${name(statement[1], owner)} ${describePattern(statement[2])}`
    case 'and':
      if (statement[1].length === 0) return 'anything'
      return join(statement[1], ' and ', owner)
    case 'or':
      if (statement[1].length === 0) return 'anything (an `or` of nothing holds)'
      return join(statement[1], ' or ', owner)
    case 'not':
      return `it is not so that ${describeStatement(statement[1], owner)}`
    case 'all':
      return `for every element of ${name(statement[1], owner)}: ${describeStatement(statement[2], 'element')}`
    case 'any':
      return `for at least one element of ${name(statement[1], owner)}: ${describeStatement(statement[2], 'element')}`
  }
}

/** Says which text a pattern allows. */
function describePattern(pattern: string): string {
  const pieces = splitGlob(pattern)
  const [head = '', tail = ''] = [pieces[0], pieces.at(-1)]
  if (pieces.length === 1) return `is ${showLiteral(head)}`
  const inner = pieces.slice(1, -1).filter((piece) => piece !== '')
  const parts: string[] = []
  if (head !== '') parts.push(`begins with ${showLiteral(head)}`)
  if (inner.length > 0) parts.push(`contains ${inner.map((piece) => showLiteral(piece)).join(' and then ')}`)
  if (tail !== '') parts.push(`ends with ${showLiteral(tail)}`)
  return parts.length === 0 ? 'is any text' : `is text that ${parts.join(', ')}`
}

function name(selector: string, owner: string): string {
  if (selector === '.') return owner === '' ? 'the whole of the arguments' : `the ${owner}`
  const shown = quoteAll(selector, maxSelectorLength)
  return owner === '' ? shown : `${shown} of the ${owner}`
}

function join(statements: readonly Statement[], word: string, owner: string): string {
  const [only, ...more] = statements
  if (only !== undefined && more.length === 0) return describeStatement(only, owner)
  return `(${statements.map((statement) => describePart(statement, owner)).join(word)})`
}

/** What reaches to the end of its sentence is held together, so that nobody reads what follows as a part of it. */
function describePart(statement: Statement, owner: string): string {
  const words = describeStatement(statement, owner)
  if ((statement[0] === 'and' || statement[0] === 'or') && statement[1].length === 1) {
    return describePart(statement[1][0] as Statement, owner)
  }
  return statement[0] === 'not' || statement[0] === 'all' || statement[0] === 'any' ? `(${words})` : words
}
