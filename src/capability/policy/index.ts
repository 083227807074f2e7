/**
 * `procura/policy`: the UCAN policy language.
 *
 * @module
 */

export { type CompiledPolicy, compilePolicy } from './compile.ts'
export type { PolicyObjection } from './objection.ts'
export { parsePolicy } from './parse-policy.ts'
export { parseSelector, printSelector, type Selector, type SelectorSegment } from './selector.ts'
export type { Operator, Policy, Statement } from './statement.ts'
