/**
 * The policies of the delegations in an archive: each is compiled once, and evaluated once for a call.
 *
 * @module
 */

import { type CompiledPolicy, compileParsed, type PolicyObjection } from '../capability/policy/compile.ts'
import { beginEvaluation } from '../capability/policy/evaluation.ts'
import { isDid } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import type { IpldMap } from '../ipld/value.ts'
import { allResources, type Capability } from './capability.ts'
import { argumentSelector, policyOf } from './caveats.ts'
import type { NamedToken } from './open-archive.ts'
import type { ResourceRules } from './read-claim.ts'
import type { PathStep } from './walk.ts'

/** A policy, or why what stands there is none. */
export type ReadPolicy = CompiledPolicy | { readonly error: MalformedError }

/** Gives the policy of the capability of a token at a place in `att`. It is read when it is first asked for, and once. */
export type PolicyTable = (token: NamedToken, place: number) => ReadPolicy

/** Makes a table of the policies in one archive. */
export function createPolicyTable(rules: ResourceRules): PolicyTable {
  const read = new Map<string, ReadPolicy>()
  return ({ key, token }, place) => {
    const name = `${key} ${place}`
    const known = read.get(name)
    if (known !== undefined) return known
    const policy = readPolicy(token.capabilities[place] as Capability, rules)
    read.set(name, policy)
    return policy
  }
}

/**
 * Returns the policy.
 *
 * @throws MalformedError when there is none.
 */
export function policyIn(policy: ReadPolicy): CompiledPolicy {
  if ('error' in policy) throw policy.error
  return policy
}

/**
 * What a capability asks of the arguments. One over a resource that is no DID gives that resource and no other of its
 * owner.
 */
function readPolicy({ nb, with: resource }: Capability, { resourceArgument }: ResourceRules): ReadPolicy {
  try {
    const asked = policyOf(nb)
    const isBound = !isDid(resource) && resource !== allResources
    return compileParsed(isBound ? [...asked, ['==', argumentSelector(resourceArgument), resource]] : asked)
  } catch (error) {
    if (error instanceof MalformedError) return { error }
    throw error
  }
}

/** What the policies of a delegation say: the place of the first capability that permits, or why none does. */
export type PolicyVerdict =
  | { readonly place: number }
  | { readonly objection: PolicyObjection }
  | { readonly misread: MalformedError }
  | 'over budget'

/** Steps that policies may still take. */
export interface StepsLeft {
  remaining: number
}

/**
 * Begins to ask the policies of an archive about arguments. Each is asked once.
 *
 * @param left - shared by all that is asked for one call.
 * @returns asks the capabilities of a delegation, in the order in which they are preferred.
 */
export function askPolicies(args: IpldMap, policies: PolicyTable, left: StepsLeft): (step: PathStep) => PolicyVerdict {
  const answers = new Map<string, PolicyVerdict>()
  const evaluation = beginEvaluation(args)

  function ask({ source, places }: PathStep): PolicyVerdict {
    let objection: PolicyObjection | undefined
    let misread: MalformedError | undefined
    for (const place of places) {
      const policy = policies(source, place)
      if ('error' in policy) {
        misread ??= policy.error
        continue
      }
      evaluation.remaining = left.remaining
      const objects = policy.evaluate(args, evaluation)
      left.remaining = evaluation.remaining
      if (left.remaining < 0) return 'over budget'
      if (objects === undefined) return { place }
      objection ??= objects
    }
    return objection === undefined ? { misread: misread as MalformedError } : { objection }
  }

  return (step) => {
    const known = answers.get(step.source.key)
    if (known !== undefined) return known
    const answer = ask(step)
    answers.set(step.source.key, answer)
    return answer
  }
}
