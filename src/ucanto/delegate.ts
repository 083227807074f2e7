import { type CommandDefinition, commandOf } from '../core/capability/definition.ts'
import { checkDeclared } from '../core/capability/policy/check-declared.ts'
import { parsePolicy } from '../core/capability/policy/parse-policy.ts'
import type { Policy } from '../core/capability/policy/statement.ts'
import { type AnySubject, anySubject } from '../core/capability/subject.ts'
import { chooseExpiration } from '../core/envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { anything, type OptionChecks, readOptions, withDefault } from '../support/options.ts'
import { abilitiesOf, allResources } from './capability.ts'
import { caveatsOf, type Readers } from './caveats.ts'
import {
  commandCheck,
  delegationLifetime,
  draftOf,
  type NewToken,
  newTokenChecks,
  readersCheck,
  tokensOrNone,
} from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link delegate}. */
export interface UcantoDelegateOptions extends NewToken {
  /**
   * The DID whose authority is delegated, or the URI of a resource of the issuer. Default: the issuer. `anySubject`
   * delegates all that the issuer holds now or receives later.
   */
  readonly subject?: string | AnySubject
  /** The command that may be invoked, with all commands below it; `anyCommand` for all commands. */
  readonly command: string | CommandDefinition
  /** The conditions on the arguments of an invocation. Default: none. */
  readonly policy?: Policy
  /** The verifiers of the token. Default `any`: a policy that other verifiers would ignore is refused. */
  readonly readers?: Readers
  /** Delegations to the issuer that this one relies on, for `anySubject`. Default: none. */
  readonly proofs?: readonly UcantoToken[]
}

/**
 * Makes a delegation in the format of UCAN 0.9.1. It is valid for one hour by default.
 *
 * @throws ArgumentError when an option is missing or invalid, or the policy cannot be written.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { archive, delegate } from 'procura/ucanto'
 *
 * const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail/send', expiresIn: 600 })
 * const bytes = await archive(grant)
 * ```
 */
export async function delegate(options: UcantoDelegateOptions): Promise<UcantoToken> {
  const given = readOptions('ucanto.delegate', options, optionChecks)
  const { issuer, subject = issuer.did, command, policy, readers, proofs } = given
  if (subject !== anySubject && subject.startsWith('did:') && subject !== issuer.did) {
    throw new ArgumentError(
      '`subject` must be the issuer; to delegate received authority, call `attenuate` with the delegation',
    )
  }
  const parsed = parsePolicy(policy)
  checkDeclared(command, parsed)
  const nb = caveatsOf(parsed, readers)
  const resource = subject === anySubject ? allResources : subject
  return sealToken({
    ...draftOf(given),
    capabilities: abilitiesOf(commandOf(command)).map((can) => ({ can, with: resource, nb })),
    expiration: chooseExpiration(given, delegationLifetime),
    proofs,
  })
}

const optionChecks = Object.freeze({
  ...newTokenChecks,
  subject: (value) =>
    value === undefined || value === anySubject || typeof value === 'string'
      ? undefined
      : 'must be a DID, the URI of a resource, or anySubject',
  command: commandCheck,
  policy: withDefault(anything, []),
  readers: readersCheck,
  proofs: tokensOrNone,
}) satisfies OptionChecks<UcantoDelegateOptions>
