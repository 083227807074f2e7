import { ArgumentError, AttenuationError } from '../../errors.ts'
import { anything, type OptionChecks, readOptions, refusePromise } from '../../support/options.ts'
import { type Never, never, showTime, type Timestamp } from '../../time.ts'
import { commandCovers } from '../capability/command.ts'
import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { wideningOf } from '../capability/policy-analysis/widening-of.ts'
import { anySubject } from '../capability/subject.ts'
import { chooseExpiration } from '../envelope/lifetime.ts'
import {
  defaultDelegationLifetime,
  type NewDelegation,
  newDelegationChecks,
  refuseUndeclared,
  sealDelegation,
} from './delegate.ts'
import type { Delegation } from './delegation.ts'

/** Options of {@link attenuate}. */
export interface AttenuateOptions extends NewDelegation {
  /**
   * The command that may be invoked. With a definition, the policy is about its arguments. Default: the command of the
   * proof.
   */
  readonly command?: string | CommandDefinition
  /** Further conditions on the arguments. Those of the proofs hold in any case. Default: none. */
  readonly policy?: Policy
}

/**
 * Passes on a received delegation, narrowed. A delegation never grants more than its proofs. This function refuses to
 * sign a broader one, so that nobody relies on it.
 *
 * Without `expiresIn` or `expiration` it is valid for one hour, or until its proofs expire if that is sooner. If they
 * have expired by the `clock`, it is refused.
 *
 * @param proofs - the delegation received, or the whole chain that leads to the issuer, root first.
 * @throws AttenuationError when the new delegation would be broader than its proofs; the message names the fault.
 * @throws ArgumentError when an option is missing or invalid.
 * @throws MalformedError when `command`, `policy` or `meta` is malformed.
 *
 * @example
 * ```ts
 * import { attenuate } from 'procura'
 * import { eq } from 'procura/policy'
 *
 * const narrow = await attenuate(grant, {
 *   issuer: planner,
 *   audience: mailer.did,
 *   policy: [eq('.to', 'bob@example.com')],
 *   expiresIn: 60,
 * })
 * ```
 */
export async function attenuate(
  proofs: Delegation | readonly Delegation[],
  options: AttenuateOptions,
): Promise<Delegation> {
  // TOK-20: all arguments are read before the first `await`.
  refusePromise('proofs', proofs)
  const chain: readonly Delegation[] = Array.isArray(proofs) ? [...proofs] : [proofs]
  const proof = chain.at(-1)
  for (const [at, link] of chain.entries()) refusePromise(`proofs[${at}]`, link)
  if (proof === undefined || chain.some((link) => link?.kind !== 'delegation')) {
    throw new ArgumentError(
      'attenuate needs a delegation, or its chain; pass a result of `delegate` or `decodeDelegation`',
    )
  }
  const given = readOptions('attenuate', options, optionChecks)
  const { issuer } = given
  if (proof.audience !== issuer.did) {
    throw new AttenuationError(
      `the proof is for ${proof.audience}, so ${issuer.did} cannot pass it on; sign with the key of that audience, or use a proof for the issuer`,
    )
  }
  const command = given.command === undefined ? proof.command : commandOf(given.command)
  const short = chain.find((link) => !commandCovers(link.command, command))
  if (short !== undefined) {
    throw new AttenuationError(
      `the proof gives \`${short.command}\`, which does not cover \`${command}\`; choose a command that it covers`,
    )
  }
  const policy = parsePolicy(given.policy ?? [])
  const policies = chain.map((link) => link.policy)
  return sealDelegation(
    given,
    {
      subject: chain.find((link) => link.subject !== anySubject)?.subject ?? anySubject,
      command,
      policy,
      expiration: boundExpiration(given, chain),
    },
    () => {
      refuseUndeclared(given.command, policy)
      refuseWidening(policy, policies)
    },
  )
}

const optionChecks: OptionChecks<AttenuateOptions> = Object.freeze({
  ...newDelegationChecks,
  command: anything,
  policy: anything,
})

function refuseWidening(policy: Policy, given: readonly Policy[]): void {
  if (policy.length === 0) return
  for (const [at, proof] of given.entries()) {
    const widening = wideningOf(proof, policy, given)
    if (widening !== undefined) throw new AttenuationError(`${widening.message} (proof ${at + 1} of ${given.length})`)
  }
}

/** Returns the requested expiry, which must not be later than the expiry of the proofs, or else the earlier default. */
function boundExpiration(options: AttenuateOptions, chain: readonly Delegation[]): Timestamp | Never {
  const bound = chain.reduce<Timestamp | Never>(
    (least, { expiration }) => (least === never || (expiration !== never && expiration < least) ? expiration : least),
    never,
  )
  const chosen = chooseExpiration(options, defaultDelegationLifetime)
  if (bound === never || (chosen !== never && chosen <= bound)) return chosen
  // Without a lifetime, unless the proofs have expired by the clock of the issuer.
  if (
    (options.expiresIn ?? options.expiration) === undefined &&
    (chosen as Timestamp) - defaultDelegationLifetime <= bound
  )
    return bound
  throw new AttenuationError(
    `the delegation would outlive its proofs, which expire at ${showTime(bound)}; use newer proofs, or a shorter lifetime`,
  )
}
