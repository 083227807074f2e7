/**
 * The library's policy evaluator against the reference: the same three-valued answer, and the same policies refused.
 *
 * @module
 */
import { compilePolicy } from '../../src/core/capability/policy/compile.ts'
import { parsePolicy } from '../../src/core/capability/policy/parse-policy.ts'
import type { IpldValue } from '../../src/core/ipld/value.ts'
import { MalformedError } from '../../src/errors.ts'
import { toJson } from '../reference/dag-json.ts'
import { evaluatePolicy, type Verdict } from '../reference/policy.ts'
import type { PolicyCase } from './policy-arbitrary.ts'

/** The verdict of either side about a case. */
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
  const answers = [args, bare(args)].map((value) => {
    const objection = compiled.evaluate(value as IpldValue)
    if (objection === undefined) return true
    return objection.reason === 'false' ? false : objection.reason
  })
  const [answer, fromWire] = answers as [PolicyAnswer, PolicyAnswer]
  if (answer !== fromWire) throw new Error(`${answer} for objects, ${fromWire} for what was decoded`)
  return answer
}

// As maps come from the wire: without a prototype.
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const map: { [key: string]: unknown } = Object.create(null)
  for (const [key, inner] of Object.entries(value)) map[key] = bare(inner)
  return map
}

/** Throws when the two disagree; the message holds the case in the form of a corpus file. */
export function expectSameAnswer(one: PolicyCase): PolicyAnswer {
  const reference = evaluatePolicy(one.policy, one.args)
  const library = libraryAnswer(one)
  if (library === reference) return reference
  const written = JSON.stringify({ policy: toJson(one.policy), args: toJson(one.args) })
  throw new Error(`library says ${String(library)}, reference says ${String(reference)}: ${written}`)
}
