/**
 * `procura/policy`: the UCAN policy language.
 *
 * @module
 */

export { and, eq, every, gt, gte, like, lt, lte, ne, not, or, some } from './build.ts'
export { type CompiledPolicy, compilePolicy } from './compile.ts'
export { describePolicy } from './describe.ts'
export {
  type ExplainOptions,
  explainPolicy,
  type PolicyExplanation,
  type PolicyOutcome,
  type StatementExplanation,
} from './explain.ts'
export { findWidening, type Widening } from './find-widening.ts'
export { compileGlob, escapeGlob, type GlobMatcher } from './glob.ts'
export { lintPolicy, type PolicyWarning, type PolicyWarningRule } from './lint.ts'
export type { PolicyObjection } from './objection.ts'
export { parsePolicy } from './parse-policy.ts'
export { printSelector } from './print-selector.ts'
export {
  type ComparableWith,
  type ElementAt,
  type PolicyBuilder,
  policyFor,
  type SelectorFor,
  type SelectorOf,
} from './policy-for.ts'
export type { Invalid, Selected } from './selected.ts'
export {
  type FieldSegment,
  type IndexSegment,
  parseSelector,
  type Selector,
  type SelectorSegment,
  type SliceSegment,
  type ValuesSegment,
} from './selector.ts'
export type {
  ConnectiveStatement,
  EqualityStatement,
  LikeStatement,
  NegationStatement,
  Operator,
  OrderStatement,
  Policy,
  QuantifierStatement,
  Statement,
} from './statement.ts'
export type { Evaluation } from './evaluation.ts'
