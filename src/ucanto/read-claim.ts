import type { Denial } from '../core/authorization/denial.ts'
import type { ReadingContext } from '../core/authorization/formats/token-format.ts'
import { type Steps, waitUnlessAborted } from '../core/authorization/machinery/steps.ts'
import type { CallOptions, VerificationSettings } from '../core/authorization/settings.ts'
import type { Command } from '../core/capability/command.ts'
import { type Did, isDid, parseDid } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import { allResources } from './capability.ts'
import { policyKey } from './caveats.ts'
import type { NamedToken } from './open-archive.ts'

/** The claim of an invocation, which its proofs must grant. */
export interface Claim {
  readonly command: Command
  /** `with` of the invocation: a DID, or the URI of a resource. */
  readonly resource: string
  /** The principal that may delegate over the resource without proof. */
  readonly owner: Did
  readonly args: IpldMap
}

/** Returns the DID of the owner of a resource that is not a DID itself. */
export type OwnerOf = (resource: string) => string | undefined | Promise<string | undefined>

/** The settings of a service for resources. */
export interface ResourceRules {
  /** Undefined when all resources of the service are DIDs. */
  readonly ownerOf: OwnerOf | undefined
  /** The name of the argument that contains such a resource. */
  readonly resourceArgument: string
}

/**
 * Reads the claim of an invocation: one command, over one resource, with its `nb` as arguments.
 *
 * @param checkIssuer - checks the signature of the invocation. It runs before an owner is looked up.
 * @throws MalformedError when the token is not an invocation.
 */
export function* readClaim(
  { token }: NamedToken,
  rules: ResourceRules,
  context: ReadingContext,
  checkIssuer: (claim: Omit<Claim, 'owner'>) => Steps<Denial | undefined>,
): Steps<Claim | Denial> {
  const [capability, ...others] = token.capabilities
  const { ability, with: resource, nb } = capability ?? {}
  if (ability === undefined || resource === undefined || nb === undefined || others.length > 0 || !ability.exact) {
    throw new MalformedError(
      'UCT-30',
      'an invocation must have exactly one capability, whose `can` is a command without a star',
    )
  }
  if (Object.hasOwn(nb, policyKey)) {
    throw new MalformedError(
      'UCT-30',
      `an invocation must not have the argument \`${policyKey}\`, which is for policies`,
    )
  }
  if (resource === allResources)
    throw new MalformedError('UCT-30', '`with` of an invocation must name one resource, not all')
  const { command } = ability
  const { resourceArgument: name } = rules
  if (Object.hasOwn(nb, name) && (rules.ownerOf !== undefined || !isDid(resource))) {
    throw new MalformedError(
      'UCT-64',
      `an invocation must not have the argument ${quote(name)}, which contains its resource`,
    )
  }
  if (isDid(resource)) return { command, resource, owner: context.caches.parseDid(resource), args: nb }
  // The signature is checked first, so that an unauthenticated call does not cost a lookup.
  const refused = yield* checkIssuer({ command, resource, args: nb })
  if (refused !== undefined) return refused
  const owner = rules.ownerOf && (yield* findOwner(resource, rules.ownerOf, context.settings, context.call))
  if (owner === undefined) {
    return {
      code: 'subject_not_accepted',
      message: `the owner of ${quote(resource)} is not known to this service`,
      requirement: 'UCT-40',
    }
  }
  return { command, resource, owner, args: Object.assign(Object.create(null), nb, { [name]: resource }) }
}

/** Looks up the owner of a resource. Returns undefined when the lookup fails. */
export function* findOwner(
  resource: string,
  ownerOf: OwnerOf,
  settings: Pick<VerificationSettings, 'onError'>,
  call: CallOptions,
): Steps<Did | undefined> {
  try {
    const owner = yield* waitUnlessAborted(ownerOf(resource), call)
    return owner === undefined ? undefined : parseDid(owner)
  } catch (error) {
    settings.onError(error)
    return undefined
  }
}
