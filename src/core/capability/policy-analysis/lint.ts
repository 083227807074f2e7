/**
 * Warnings about policies that are well formed and probably wrong.
 *
 * @module
 */

import { isPromiseLike } from '../../../support/promise.ts'
import { quote } from '../../../support/quote.ts'
import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import type { CommandDefinition } from '../definition.ts'
import { isLooserLimit, isZeroLimit } from '../policy/compare-limits.ts'
import { describeStatement } from '../policy/describe.ts'
import { splitGlob } from '../policy/glob.ts'
import { parsePolicy } from '../policy/parse-policy.ts'
import { parseSelector } from '../policy/selector.ts'
import type { Policy, Statement } from '../policy/statement.ts'
import { areDisjoint, type ValueSet, valueSetOf } from '../policy/value-set.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { patternWarning } from './lint-pattern.ts'

/**
 * The rule of a warning.
 *
 * | rule | meaning |
 * |---|---|
 * | `empty-or` | an `or` without statements always holds |
 * | `negation-over-optional` | a negation over `?` holds when the value is missing |
 * | `negation-over-missing` | a negation over a value that no other statement requires: other verifiers may allow its absence |
 * | `unanchored-pattern` | a pattern for a path, URL or domain that begins with a star |
 * | `free-text` | a pattern for an argument of the command whose type accepts `/../` in the place of a star |
 * | `open-host` | a pattern for a URL in which a star can match the host, or a part of it |
 * | `open-name` | a pattern for a path, URL, address or domain with a star after a letter or digit: it allows longer names |
 * | `never-resolves` | a selector that never selects a value: a key after `[]` or a slice |
 * | `contradiction` | two statements that cannot both hold |
 * | `empty-only` | two `all` statements that hold only for an empty collection |
 * | `duplicate` | a repeated statement |
 * | `always-true` | a statement that holds for every call |
 * | `limit-of-zero` | a limit that allows no call |
 * | `looser-limit` | a limit beside a tighter one of the same kind |
 */
export type PolicyWarningRule =
  | 'empty-or'
  | 'negation-over-optional'
  | 'negation-over-missing'
  | 'unanchored-pattern'
  | 'free-text'
  | 'open-host'
  | 'open-name'
  | 'never-resolves'
  | 'contradiction'
  | 'empty-only'
  | 'duplicate'
  | 'always-true'
  | 'limit-of-zero'
  | 'looser-limit'

/** One warning. */
export interface PolicyWarning {
  /** Index of the statement in the policy, from 0. */
  readonly statement: number
  /** The rule. */
  readonly rule: PolicyWarningRule
  /** The fault, and the remedy; for people. */
  readonly message: string
}

/**
 * Looks for mistakes in a policy before it is signed. A policy without warnings may still be wrong, and one with
 * warnings may be right. The policy is not changed.
 *
 * @param definition - the command of the policy; with it, patterns are compared with the types of its arguments.
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy breaks.
 *
 * @example
 * ```ts
 * import { like, lintPolicy } from 'procura/policy'
 *
 * for (const { message } of lintPolicy([like('.path', '/projects/apollo*')])) console.log(message)
 * ```
 */
export function lintPolicy(policy: Policy, definition?: CommandDefinition): readonly PolicyWarning[] {
  const warnings: PolicyWarning[] = []
  const parsed = parsePolicy(policy)
  const required = requiredSelectors(parsed)
  const earlier: PlacedStatement[] = []
  for (const [index, statement] of parsed.entries()) {
    const warn = (rule: PolicyWarningRule, message: string): void => {
      warnings.push(Object.freeze({ statement: index, rule, message }))
    }
    lintStatement(statement, required, warn)
    if (definition !== undefined) lintText(statement, definition, warn)
    if (isAlwaysTrue(statement) && !isEmptyOr(statement))
      warn('always-true', `${describeStatement(statement)}: this holds for every call`)
    if (isZeroLimit(statement)) warn('limit-of-zero', `${describeStatement(statement)}: a limit of 0 allows no call`)
    if (parsed.some((other) => isLooserLimit(statement, other)))
      warn('looser-limit', `${describeStatement(statement)}: another limit of the policy is tighter`)
    const placed: PlacedStatement = { statement, set: valueSetOf(statement) }
    lintAgainst(placed, earlier, warn)
    earlier.push(placed)
  }
  return warnings
}

/** POL-33: the place that a pattern names is left by another text that it allows. */
function lintText(statement: Statement, { args }: CommandDefinition, warn: Warn): void {
  if (statement[0] === 'and' || statement[0] === 'or') {
    for (const part of statement[1]) lintText(part, { args } as CommandDefinition, warn)
  }
  if (statement[0] !== 'like') return
  const [field, ...others] = parseSelector(statement[1])
  const [head = '', ...rest] = splitGlob(statement[2])
  if (field?.kind !== 'field' || others.length > 0 || head === '' || rest.length === 0) return
  const schema = Object.hasOwn(args, field.name) ? args[field.name] : undefined
  if (schema === undefined || !accepts(schema, [head, ...rest].join('/../x'))) return
  warn(
    'free-text',
    `${describeStatement(statement)}: the argument can be any text, and a star also matches \`/../\`; use \`segment()\`, \`path()\` or \`url()\` if it becomes a part of a URL or path`,
  )
}

/** Whether a schema accepts a text at once. */
function accepts(schema: StandardSchema, text: string): boolean {
  try {
    const result = schema['~standard'].validate(text)
    return !isPromiseLike(result) && result.issues === undefined
  } catch {
    return false
  }
}

type Warn = (rule: PolicyWarningRule, message: string) => void

function lintStatement(statement: Statement, required: ReadonlySet<string>, warn: Warn): void {
  if (typeof statement[1] === 'string') lintSelector(statement[1], warn)
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
      if (statement[1].length === 0)
        warn('empty-or', 'an `or` without statements always holds; remove it, or add statements')
      for (const part of statement[1]) lintStatement(part, required, warn)
      return
    case 'and': {
      const inner = new Set([...required, ...requiredSelectors(statement[1])])
      for (const part of statement[1]) lintStatement(part, inner, warn)
      return
    }
    case 'all':
    case 'any':
      // Inside, selectors begin at the element, so the outer statements do not require its values.
      lintStatement(statement[2], requiredSelectors([statement[2]]), warn)
  }
}

/**
 * POL-31: `[]` and a slice select a list or bytes, which have no keys. In other implementations `[]` may mean each
 * element.
 */
function lintSelector(selector: string, warn: Warn): void {
  const segments = parseSelector(selector)
  const isDead = segments.some(({ kind }, at) => {
    const before = segments[at - 1]?.kind
    return kind === 'field' && (before === 'values' || before === 'slice')
  })
  if (!isDead) return
  warn(
    'never-resolves',
    `${quote(selector)} never selects a value, because a list has no keys; use \`all\` (\`every\`) or \`any\` (\`some\`) for its elements`,
  )
}

function lintNegation(selectors: readonly string[], required: ReadonlySet<string>, warn: Warn): void {
  for (const selector of selectors) {
    if (parseSelector(selector).some(({ optional }) => optional)) {
      warn(
        'negation-over-optional',
        `a negation over ${quote(selector)} holds when the value is missing; remove the \`?\`, or list the allowed values`,
      )
    } else if (selector !== '.' && !required.has(selector)) {
      warn(
        'negation-over-missing',
        `a negation over ${quote(selector)} may hold at other verifiers when the value is missing; list the allowed values instead`,
      )
    }
  }
}

/** Selectors whose values must be present, at every verifier, for the statements to hold. */
function requiredSelectors(statements: readonly Statement[]): Set<string> {
  const found = new Set<string>()
  for (const statement of statements) {
    switch (statement[0]) {
      case 'and':
        for (const selector of requiredSelectors(statement[1])) found.add(selector)
        break
      case '==':
        // Other verifiers may read a missing value as `null`.
        if (statement[2] !== null) found.add(statement[1])
        break
      case 'or':
      case 'not':
      case '!=':
        break
      default:
        if (typeof statement[1] === 'string') found.add(statement[1])
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
      return typeof statement[1] === 'string' ? [statement[1]] : []
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

/** A statement, and the values that it allows, where they can be compared. */
interface PlacedStatement {
  readonly statement: Statement
  readonly set: ValueSet | undefined
}

/**
 * Compares a statement with those before it. Only the first contradiction is reported, because there can be hundreds.
 */
function lintAgainst({ statement, set }: PlacedStatement, earlier: readonly PlacedStatement[], warn: Warn): void {
  if (earlier.some((other) => ipldEquals(statement as IpldValue, other.statement as IpldValue))) {
    warn('duplicate', `${describeStatement(statement)}: this statement is repeated`)
    return
  }
  if (set === undefined) return
  const other = earlier.find((one) => one.set?.place === set.place && areDisjoint(set, one.set))
  if (other === undefined) return
  const both = `${describeStatement(statement)}, and ${describeStatement(other.statement)}`
  if (set.ofElements) warn('empty-only', `${both}: only an empty collection satisfies both`)
  else warn('contradiction', `${both}: no value satisfies both`)
}
