/**
 * Warnings about policies that are well formed and probably not what was meant.
 *
 * @module
 */

import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { quote } from '../../support/quote.ts'
import { describeStatement } from './describe.ts'
import { patternWarning } from './lint-pattern.ts'
import { parsePolicy } from './parse-policy.ts'
import { parseSelector } from './selector.ts'
import type { Policy, Statement } from './statement.ts'
import { areDisjoint, type ValueSet, valueSetOf } from './value-set.ts'

/**
 * What a warning is about.
 *
 * | rule | meaning |
 * |---|---|
 * | `empty-or` | `or` of nothing is true |
 * | `negation-over-optional` | a negation over `?` holds when the value is missing |
 * | `negation-over-missing` | a negation over a value that no other statement asks for: other verifiers may let it pass |
 * | `unanchored-pattern` | a pattern for a path, URL or domain that begins with a star |
 * | `open-host` | a pattern for a URL in which a star can stand for the host, or a part of it |
 * | `open-name` | a pattern for a path, URL, address or domain with a star right after a letter or digit: longer names fit too |
 * | `never-resolves` | a selector that selects nothing of any arguments: a key of what `[]` or a slice gives |
 * | `contradiction` | two statements that cannot both hold |
 * | `empty-only` | two `all` statements that only an empty collection satisfies |
 * | `duplicate` | a statement that is there twice |
 * | `always-true` | a statement that every call satisfies |
 */
export type PolicyWarningRule =
  | 'empty-or'
  | 'negation-over-optional'
  | 'negation-over-missing'
  | 'unanchored-pattern'
  | 'open-host'
  | 'open-name'
  | 'never-resolves'
  | 'contradiction'
  | 'empty-only'
  | 'duplicate'
  | 'always-true'

/** One warning. */
export interface PolicyWarning {
  /** Place of the statement in the policy, from 0. */
  readonly statement: number
  /** What it is about. */
  readonly rule: PolicyWarningRule
  /** What is wrong and what to write instead, for people. */
  readonly message: string
}

/**
 * Looks for mistakes in a policy that is about to be signed. A policy without warnings may still be wrong; one with
 * warnings may be right. Nothing here changes what a policy means.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 *
 * @example
 * ```ts
 * import { like, lintPolicy } from 'procura/policy'
 *
 * for (const { message } of lintPolicy([like('.path', '/projects/apollo*')])) console.log(message)
 * ```
 */
export function lintPolicy(policy: Policy): readonly PolicyWarning[] {
  const warnings: PolicyWarning[] = []
  const parsed = parsePolicy(policy)
  const required = requiredSelectors(parsed)
  const earlier: PlacedStatement[] = []
  for (const [index, statement] of parsed.entries()) {
    const warn = (rule: PolicyWarningRule, message: string): void => {
      warnings.push(Object.freeze({ statement: index, rule, message }))
    }
    lintStatement(statement, required, warn)
    if (isAlwaysTrue(statement) && !isEmptyOr(statement))
      warn('always-true', `${describeStatement(statement)}: every call satisfies this`)
    const placed: PlacedStatement = { statement, set: valueSetOf(statement) }
    lintAgainst(placed, earlier, warn)
    earlier.push(placed)
  }
  return warnings
}

type Warn = (rule: PolicyWarningRule, message: string) => void

function lintStatement(statement: Statement, required: ReadonlySet<string>, warn: Warn): void {
  if (statement.length === 3) lintSelector(statement[1], warn)
  switch (statement[0]) {
    case '!=':
      lintNegation([statement[1]], required, warn)
      return
    case 'not':
      lintNegation(selectorsIn(statement[1]), required, warn)
      lintStatement(statement[1], required, warn)
      return
    case 'like': {
      const warning = patternWarning(statement[1], statement[2])
      if (warning !== undefined) warn(warning.rule, warning.message)
      return
    }
    case 'or':
      if (statement[1].length === 0) warn('empty-or', '`or` of nothing is true; leave it out, or say what is meant')
      for (const part of statement[1]) lintStatement(part, required, warn)
      return
    case 'and': {
      const inner = new Set([...required, ...requiredSelectors(statement[1])])
      for (const part of statement[1]) lintStatement(part, inner, warn)
      return
    }
    case 'all':
    case 'any':
      // Inside, selectors begin at the element, of which the outer statements say nothing.
      lintStatement(statement[2], requiredSelectors([statement[2]]), warn)
  }
}

/** POL-31: what `[]` and a slice give is a list, or bytes, and has no keys; elsewhere `[]` may mean each element. */
function lintSelector(selector: string, warn: Warn): void {
  const segments = parseSelector(selector)
  const isDead = segments.some(({ kind }, at) => {
    const before = segments[at - 1]?.kind
    return kind === 'field' && (before === 'values' || before === 'slice')
  })
  if (!isDead) return
  warn(
    'never-resolves',
    `${quote(selector)} selects nothing here, as a list has no keys; say \`all\` (\`every\`) or \`any\` (\`some\`) of its elements`,
  )
}

function lintNegation(selectors: readonly string[], required: ReadonlySet<string>, warn: Warn): void {
  for (const selector of selectors) {
    if (parseSelector(selector).some(({ optional }) => optional)) {
      warn(
        'negation-over-optional',
        `a negation over ${quote(selector)} holds when the value is missing; leave the \`?\` out, or list what is allowed`,
      )
    } else if (selector !== '.' && !required.has(selector)) {
      warn(
        'negation-over-missing',
        `a negation over ${quote(selector)} may hold at other verifiers when the value is missing; list what is allowed instead`,
      )
    }
  }
}

/** Selectors without which the statements do not hold, at any verifier. */
function requiredSelectors(statements: readonly Statement[]): Set<string> {
  const found = new Set<string>()
  for (const statement of statements) {
    switch (statement[0]) {
      case 'and':
        for (const selector of requiredSelectors(statement[1])) found.add(selector)
        break
      case '==':
        // A missing value is read as `null` elsewhere.
        if (statement[2] !== null) found.add(statement[1])
        break
      case 'or':
      case 'not':
      case '!=':
        break
      default:
        found.add(statement[1])
    }
  }
  return found
}

function selectorsIn(statement: Statement): readonly string[] {
  switch (statement[0]) {
    case 'and':
    case 'or':
      return statement[1].flatMap(selectorsIn)
    case 'not':
      return selectorsIn(statement[1])
    default:
      return [statement[1]]
  }
}

function isAlwaysTrue(statement: Statement): boolean {
  switch (statement[0]) {
    case 'and':
      return statement[1].every(isAlwaysTrue)
    case 'or':
      return statement[1].length === 0 || statement[1].some(isAlwaysTrue)
    default:
      return false
  }
}

function isEmptyOr(statement: Statement): boolean {
  return statement[0] === 'or' && statement[1].length === 0
}

/** A statement, and what it allows where that can be compared. */
interface PlacedStatement {
  readonly statement: Statement
  readonly set: ValueSet | undefined
}

/** Compares with the statements before it; of what it contradicts the first is named, as there can be hundreds. */
function lintAgainst({ statement, set }: PlacedStatement, earlier: readonly PlacedStatement[], warn: Warn): void {
  if (earlier.some((other) => ipldEquals(statement as IpldValue, other.statement as IpldValue))) {
    warn('duplicate', `${describeStatement(statement)}: this is said twice`)
    return
  }
  if (set === undefined) return
  const other = earlier.find((one) => one.set?.place === set.place && areDisjoint(set, one.set))
  if (other === undefined) return
  const both = `${describeStatement(statement)}, and ${describeStatement(other.statement)}`
  if (set.ofElements) warn('empty-only', `${both}: only a collection without elements is both`)
  else warn('contradiction', `${both}: no value is both`)
}
