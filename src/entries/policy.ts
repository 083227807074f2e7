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
} from '../core/capability/policy/build.ts'
export { type CompiledPolicy, compilePolicy } from '../core/capability/policy/compile.ts'
export { describePolicy } from '../core/capability/policy/describe-policy.ts'
export { explainPolicy, type PolicyExplanation } from '../core/capability/policy/explain.ts'
export { findWidening, type Widening } from '../core/capability/policy-analysis/find-widening.ts'
export { escapeGlob } from '../core/capability/policy/glob.ts'
export { lintPolicy, type PolicyWarning } from '../core/capability/policy-analysis/lint.ts'
export { parsePolicy } from '../core/capability/policy/parse-policy.ts'
export { type PolicyBuilder, policyFor } from '../core/capability/policy/policy-for.ts'
export { parseSelector, type Selector } from '../core/capability/policy/selector.ts'
export type { Policy, Statement } from '../core/capability/policy/statement.ts'
export {
  comparePolicies,
  type ExampleCall,
  type PolicyComparison,
  type PolicyRelation,
} from '../core/capability/policy-analysis/compare-policies.ts'
export { type PermittedRegion, permits } from '../core/capability/policy-analysis/permits.ts'
