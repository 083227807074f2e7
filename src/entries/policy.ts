/**
 * `procura/policy`: the UCAN policy language.
 *
 * @module
 */

export { and, eq, every, gt, gte, like, lt, lte, ne, not, or, some } from '../capability/policy/build.ts'
export { type CompiledPolicy, compilePolicy } from '../capability/policy/compile.ts'
export { describePolicy } from '../capability/policy/describe.ts'
export type { Evaluation } from '../capability/policy/evaluation.ts'
export {
  type ExplainOptions,
  explainPolicy,
  type PolicyExplanation,
  type PolicyOutcome,
  type StatementExplanation,
} from '../capability/policy/explain.ts'
export { findWidening, type Widening } from '../capability/policy/find-widening.ts'
export { compileGlob, escapeGlob, type GlobMatcher } from '../capability/policy/glob.ts'
export { lintPolicy, type PolicyWarning, type PolicyWarningRule } from '../capability/policy/lint.ts'
export type { PolicyObjection } from '../capability/policy/objection.ts'
export { parsePolicy } from '../capability/policy/parse-policy.ts'
export {
  type ComparableWith,
  type ElementAt,
  type PolicyBuilder,
  policyFor,
  type SelectorFor,
  type SelectorOf,
} from '../capability/policy/policy-for.ts'
export { printSelector } from '../capability/policy/print-selector.ts'
export type { Invalid, Selected } from '../capability/policy/selected.ts'
export {
  type FieldSegment,
  type IndexSegment,
  parseSelector,
  type Selector,
  type SelectorSegment,
  type SliceSegment,
  type ValuesSegment,
} from '../capability/policy/selector.ts'
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
} from '../capability/policy/statement.ts'
