import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import { copyLiteral } from './literal.ts'
import { checkSelector } from './selector.ts'
import type { Policy, Statement } from './statement.ts'

/** Statements within statements, at most. */
const maxDepth = 16
/** Statements of a policy, nested ones included, at most. */
const maxNodes = 256
/** UTF-16 code units of a pattern, at most. */
const maxPattern = 65_536

/**
 * Reads a policy from decoded bytes or from any other source, and returns a copy of it, frozen in depth. What is not
 * wholly understood is refused: a statement that is ignored, or that counts as false under a `not`, would widen the
 * delegation that it was written to narrow.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that it breaks.
 */
export function parsePolicy(value: unknown): Policy {
  if (!Array.isArray(value)) throw new MalformedError('POL-01', 'a policy is a list of statements')
  return parseStatements(value, 1, { nodes: 0 })
}

interface Count {
  nodes: number
}

function parseStatements(list: readonly unknown[], depth: number, count: Count): Policy {
  // A list longer than this is refused before its statements are looked at.
  if (list.length > maxNodes) throw tooManyNodes()
  return Object.freeze(Array.from(list, (item) => parseStatement(item, depth, count)))
}

function parseStatement(value: unknown, depth: number, count: Count): Statement {
  if (depth > maxDepth) {
    throw new MalformedError('POL-04', `policy has statements nested deeper than ${maxDepth}`, { kind: 'too_large' })
  }
  if (++count.nodes > maxNodes) throw tooManyNodes()
  if (!Array.isArray(value)) throw new MalformedError('POL-01', 'a policy is a list of statements, each a list')
  return Object.freeze(parseForm(value, depth, count))
}

function parseForm(list: readonly unknown[], depth: number, count: Count): Statement {
  const [operator, first, second] = list
  switch (operator) {
    case '==':
    case '!=':
      checkLength(list, 3)
      return [operator, selectorText(first), copyLiteral(second)]
    case '<':
    case '<=':
    case '>':
    case '>=':
      checkLength(list, 3)
      if (typeof second !== 'number' || !Number.isFinite(second)) throw wrongOperand(operator, 'a number')
      return [operator, selectorText(first), second]
    case 'like':
      checkLength(list, 3)
      if (typeof second !== 'string') throw wrongOperand(operator, 'a pattern')
      if (second.length > maxPattern) {
        throw new MalformedError('POL-06', `policy has a pattern longer than ${maxPattern} code units`, {
          kind: 'too_large',
        })
      }
      return [operator, selectorText(first), second]
    case 'and':
    case 'or':
      checkLength(list, 2)
      if (!Array.isArray(first)) throw wrongOperand(operator, 'a list of statements')
      return [operator, parseStatements(first, depth + 1, count)]
    case 'not':
      checkLength(list, 2)
      return [operator, parseStatement(first, depth + 1, count)]
    case 'all':
    case 'any':
      checkLength(list, 3)
      return [operator, selectorText(first), parseStatement(second, depth + 1, count)]
    default: {
      // A later version may know another name; what is no name is a statement in none.
      const isName = typeof operator === 'string'
      const shown = isName ? quote(operator) : 'that is not a string'
      throw new MalformedError('POL-02', `policy has an unknown operator ${shown}`, {
        kind: isName ? 'unsupported' : 'malformed',
      })
    }
  }
}

function selectorText(value: unknown): string {
  if (typeof value !== 'string') throw wrongOperand('selector', 'a string')
  checkSelector(value)
  return value
}

function checkLength(list: readonly unknown[], length: number): void {
  if (list.length === length) return
  throw new MalformedError(
    'POL-03',
    `policy statement ${quote(String(list[0]))} has ${list.length} members, not ${length}`,
  )
}

function wrongOperand(operator: string, wanted: string): MalformedError {
  return new MalformedError('POL-03', `policy statement ${quote(operator)} takes ${wanted}`)
}

function tooManyNodes(): MalformedError {
  return new MalformedError('POL-05', `policy has more than ${maxNodes} statements`, { kind: 'too_large' })
}
