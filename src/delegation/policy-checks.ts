/**
 * The checks of a policy before it is signed. They are loaded with the first policy that is signed.
 *
 * @module
 */

export { undeclaredIn } from '../capability/policy/undeclared-in.ts'
export { wideningOf } from '../capability/policy/widening-of.ts'
