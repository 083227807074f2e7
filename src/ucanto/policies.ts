/**
 * The policies of the delegations in an archive: each is compiled once, and evaluated once for a call.
 *
 * @module
 */

import { findObjection, type PolicyObjection } from '../core/capability/policy/compile.ts'
import { beginEvaluation } from '../core/capability/policy/evaluation.ts'
import { type ReadyPolicy, readyPolicy } from '../core/capability/policy/ready-policy.ts'
import { isDid } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { MalformedError } from '../errors.ts'
import { allResources, type Capability } from './capability.ts'
import { argumentSelector, policyOf } from './caveats.ts'
import type { NamedToken } from './open-archive.ts'
import type { ResourceRules } from './read-claim.ts'
import type { PathStep } from './walk.ts'

/** A policy, or the error of a capability whose conditions are not a policy. */
export type ReadPolicy = ReadyPolicy | { readonly error: MalformedError }

/** Returns the policy of one capability of a token, by its position in `att`. Each is read once, when it is needed. */
export type PolicyTable = (token: NamedToken, place: number) => ReadPolicy

/** Creates the table of the policies in one archive. */
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
 * Returns a policy that was read.
 *
 * @throws MalformedError when the conditions are not a policy.
 */
export function policyIn(policy: ReadPolicy): ReadyPolicy {
  if ('error' in policy) throw policy.error
  return policy
}

/**
 * The policy of a capability. A capability over a resource that is not a DID grants that resource, and no other
 * resource of its owner.
 */
function readPolicy({ nb, with: resource }: Capability, { resourceArgument }: ResourceRules): ReadPolicy {
  try {
    const conditions = policyOf(nb)
    const isBound = !isDid(resource) && resource !== allResources
    return readyPolicy(isBound ? [...conditions, ['==', argumentSelector(resourceArgument), resource]] : conditions)
  } catch (error) {
    if (error instanceof MalformedError) return { error }
    throw error
  }
}

/** The position of the first capability of a delegation that permits the arguments, or the reason why it is missing. */
export type PolicyVerdict =
  | { readonly place: number }
  | { readonly objection: PolicyObjection }
  | { readonly misread: MalformedError }
  | 'over budget'

/**
 * Prepares the evaluation of policies over the arguments of one call. Each policy is evaluated once.
 *
 * @param budget - shared by all evaluations for the call.
 * @returns a function that evaluates the capabilities of a delegation, preferred ones first.
 */
export function askPolicies(
  args: IpldMap,
  policies: PolicyTable,
  budget: { policySteps: number },
): (step: PathStep) => PolicyVerdict {
  const verdicts = new Map<string, PolicyVerdict>()
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
      evaluation.remaining = budget.policySteps
      const objects = findObjection(policy, args, evaluation)
      budget.policySteps = evaluation.remaining
      if (budget.policySteps < 0) return 'over budget'
      if (objects === undefined) return { place }
      objection ??= objects
    }
    return objection === undefined ? { misread: misread as MalformedError } : { objection }
  }

  return (step) => {
    const known = verdicts.get(step.source.key)
    if (known !== undefined) return known
    const verdict = ask(step)
    verdicts.set(step.source.key, verdict)
    return verdict
  }
}
