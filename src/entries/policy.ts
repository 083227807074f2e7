/**
 * `procura/policy`: the UCAN policy language.
 *
 * @module
 */

export {
  and,
  eq,
  every,
  gt,
  gte,
  like,
  lt,
  lte,
  maxConcurrent,
  maxRate,
  maxSum,
  maxUses,
  ne,
  not,
  or,
  some,
} from '../capability/policy/build.ts'
export { type CompiledPolicy, compilePolicy } from '../capability/policy/compile.ts'
export { describePolicy } from '../capability/policy/describe-policy.ts'
export { explainPolicy, type PolicyExplanation } from '../capability/policy/explain.ts'
export { findWidening, type Widening } from '../capability/policy/find-widening.ts'
export { compileGlob, escapeGlob, type GlobMatcher } from '../capability/policy/glob.ts'
export { lintPolicy, type PolicyWarning } from '../capability/policy/lint.ts'
export { parsePolicy } from '../capability/policy/parse-policy.ts'
export { type PolicyBuilder, policyFor } from '../capability/policy/policy-for.ts'
export { printSelector } from '../capability/policy/print-selector.ts'
export { parseSelector, type Selector } from '../capability/policy/selector.ts'
export type { LimitStatement, Policy, Statement } from '../capability/policy/statement.ts'
