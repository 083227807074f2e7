import type { Denial } from '../authorization/denial.ts'
import type { ReadingContext } from '../authorization/formats/token-format.ts'
import { type Steps, waitUnlessAborted } from '../authorization/machinery/steps.ts'
import type { CallOptions, VerificationSettings } from '../authorization/options.ts'
import type { Command } from '../capability/command.ts'
import { type Did, isDid } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import type { IpldMap } from '../ipld/value.ts'
import { quote } from '../support/quote.ts'
import { allResources } from './capability.ts'
import { policyKey } from './caveats.ts'
import type { NamedToken } from './open-archive.ts'

/** What has to be proved. */
export interface Claim {
  readonly command: Command
  /** `with` of the invocation. */
  readonly resource: string
  /** Who may delegate over the resource without proof. */
  readonly owner: Did
  readonly args: IpldMap
}

/** Who owns a resource that is not a DID. */
export type OwnerOf = (resource: string) => string | undefined | Promise<string | undefined>

/** What a service says about resources. */
export interface ResourceRules {
  /** Undefined when the service knows no resources but DIDs. */
  readonly ownerOf: OwnerOf | undefined
  /** The argument that stands for such a resource. */
  readonly resourceArgument: string
}

/**
 * What an invocation asks for: one command, over one resource, with its `nb` as arguments.
 *
 * @param askedBy - says why it is not signed by its issuer; asked before an owner is looked up.
 * @throws MalformedError when it is no invocation.
 */
export function* readClaim(
  { token }: NamedToken,
  rules: ResourceRules,
  context: ReadingContext,
  askedBy: (claim: Omit<Claim, 'owner'>) => Steps<Denial | undefined>,
): Steps<Claim | Denial> {
  const { parseDid } = context.settings
  const [capability, ...others] = token.capabilities
  const { ability, with: resource, nb } = capability ?? {}
  if (ability === undefined || resource === undefined || nb === undefined || others.length > 0 || !ability.exact) {
    throw new MalformedError('UCT-30', 'an invocation has one capability, with a command and no star')
  }
  if (Object.hasOwn(nb, policyKey)) {
    throw new MalformedError('UCT-30', `an invocation has no argument \`${policyKey}\`, which is for policies`)
  }
  if (resource === allResources) throw new MalformedError('UCT-30', 'an invocation is about one resource')
  const { command } = ability
  const { resourceArgument: name } = rules
  if (Object.hasOwn(nb, name) && (rules.ownerOf !== undefined || !isDid(resource))) {
    throw new MalformedError('UCT-64', `the argument ${quote(name)} stands for the resource of the invocation`)
  }
  if (isDid(resource)) return { command, resource, owner: parseDid(resource), args: nb }
  // Who is nobody costs no look-up.
  const refused = yield* askedBy({ command, resource, args: nb })
  if (refused !== undefined) return refused
  const owner = rules.ownerOf && (yield* findOwner(resource, rules.ownerOf, context.settings, context.call))
  if (owner === undefined) {
    return {
      code: 'subject_not_accepted',
      message: `this service knows no owner of ${quote(resource)}`,
      requirement: 'UCT-40',
    }
  }
  return { command, resource, owner, args: Object.assign(Object.create(null), nb, { [name]: resource }) }
}

/** Asks who owns a resource. Not being able to find out is a no. */
export function* findOwner(
  resource: string,
  ownerOf: OwnerOf,
  settings: Pick<VerificationSettings, 'onError' | 'parseDid'>,
  call: CallOptions,
): Steps<Did | undefined> {
  try {
    const owner = yield* waitUnlessAborted(ownerOf(resource), call.signal)
    return owner === undefined ? undefined : settings.parseDid(owner)
  } catch (error) {
    settings.onError(error)
    return undefined
  }
}
