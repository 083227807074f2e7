import { type CompiledPolicy, compileParsed } from '../capability/policy/compile.ts'
import { isDid } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import { allResources, argumentSelector, type Capability, policyOf } from './capability.ts'
import type { NamedToken } from './open-archive.ts'
import type { ResourceRules } from './read-claim.ts'

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
