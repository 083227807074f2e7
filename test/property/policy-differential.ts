/**
 * The library's policy evaluator against the reference: the same three-valued answer, and the same policies refused.
 *
 * @module
 */
import { compilePolicy } from '../../src/capability/policy/compile.ts'
import { parsePolicy } from '../../src/capability/policy/parse-policy.ts'
import { MalformedError } from '../../src/errors.ts'
import type { IpldValue } from '../../src/ipld/value.ts'
import { toJson } from '../reference/dag-json.ts'
import { evaluatePolicy, type Verdict } from '../reference/policy.ts'
import type { PolicyCase } from './policy-arbitrary.ts'

/** What either side says about a case. */
export type PolicyAnswer = Verdict | 'malformed' | 'over_budget'

/** Asks the library. */
export function libraryAnswer({ policy, args }: PolicyCase): PolicyAnswer {
  let compiled: ReturnType<typeof compilePolicy>
  try {
    compiled = compilePolicy(parsePolicy(policy))
  } catch (error) {
    if (error instanceof MalformedError) return 'malformed'
    throw error
  }
  const objection = compiled.evaluate(args as IpldValue)
  if (objection === undefined) return true
  return objection.reason === 'false' ? false : objection.reason
}

/** Throws when the two disagree; the message holds the case in the form of a corpus file. */
export function expectSameAnswer(one: PolicyCase): PolicyAnswer {
  const reference = evaluatePolicy(one.policy, one.args)
  const library = libraryAnswer(one)
  if (library === reference) return reference
  const written = JSON.stringify({ policy: toJson(one.policy), args: toJson(one.args) })
  throw new Error(`library says ${String(library)}, reference says ${String(reference)}: ${written}`)
}
