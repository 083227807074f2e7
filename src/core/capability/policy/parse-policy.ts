import { MalformedError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import { parseLimit } from './limit.ts'
import { copyLiteral } from './literal.ts'
import { checkSelector } from './selector.ts'
import type { Policy, Statement } from './statement.ts'

/** Most levels of statements inside statements. */
const maxDepth = 16
/** Most statements of a policy, nested ones included. */
const maxNodes = 256
/** Most UTF-16 code units of a pattern. */
const maxPattern = 65_536

/**
 * Parses a policy from decoded bytes or any other source, and returns a deeply frozen copy. A policy with an unknown
 * part is refused as a whole: to ignore a statement, or to count it as false under a `not`, would widen the delegation
 * that the statement narrows.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 */
export function parsePolicy(value: unknown): Policy {
  if (!Array.isArray(value)) throw new MalformedError('POL-01', 'a policy must be a list of statements')
  return parseStatements(value, 1, { nodes: 0 })
}

interface Count {
  nodes: number
}

function parseStatements(list: readonly unknown[], depth: number, count: Count): Policy {
  // A longer list is refused before its statements are parsed.
  if (list.length > maxNodes) throw tooManyNodes()
  // The copy has no holes. `Array.from` takes ten times as long.
  return Object.freeze([...list].map((item) => parseStatement(item, depth, count)))
}

function parseStatement(value: unknown, depth: number, count: Count): Statement {
  if (depth > maxDepth) {
    throw new MalformedError('POL-04', `the policy has statements nested in more than ${maxDepth} levels`, {
      kind: 'too_large',
    })
  }
  if (++count.nodes > maxNodes) throw tooManyNodes()
  if (!Array.isArray(value))
    throw new MalformedError('POL-01', 'a policy must be a list of lists, such as `[["==", ".to", "ann"]]`')
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
      if (typeof second !== 'number' || !Number.isFinite(second)) throw wrongOperand(operator, 'a number as its bound')
      return [operator, selectorText(first), second]
    case 'like':
      checkLength(list, 3)
      if (typeof second !== 'string') throw wrongOperand(operator, 'a string as its pattern')
      if (second.length > maxPattern) {
        throw new MalformedError('POL-06', `the policy has a pattern of more than ${maxPattern} characters`, {
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
    case 'limit/uses':
    case 'limit/sum':
    case 'limit/rate':
    case 'limit/concurrent':
      return parseLimit(list, depth, selectorText)
    default: {
      // A later version of UCAN may define another name. A value that is not a string is malformed in every version.
      const isName = typeof operator === 'string'
      const shown = isName ? quote(operator) : 'that is not a string'
      throw new MalformedError('POL-02', `the policy has an unknown operator ${shown}`, {
        kind: isName ? 'unsupported' : 'malformed',
      })
    }
  }
}

function selectorText(value: unknown): string {
  if (typeof value !== 'string')
    throw new MalformedError('POL-03', 'the selector of a policy statement must be a string')
  checkSelector(value)
  return value
}

function checkLength(list: readonly unknown[], length: number): void {
  if (list.length === length) return
  throw new MalformedError(
    'POL-03',
    `the policy statement ${quote(String(list[0]))} must have ${length} elements (got ${list.length})`,
  )
}

function wrongOperand(operator: string, wanted: string): MalformedError {
  return new MalformedError('POL-03', `the policy statement ${quote(operator)} must have ${wanted}`)
}

function tooManyNodes(): MalformedError {
  return new MalformedError('POL-05', `the policy has more than ${maxNodes} statements`, { kind: 'too_large' })
}
