import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { checkDeclared } from '../capability/policy/check-declared.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { type AnySubject, anySubject } from '../capability/subject.ts'
import { chooseExpiration } from '../envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { anything, maybe, type OptionChecks, readOptions } from '../support/options.ts'
import { abilitiesOf, allResources } from './capability.ts'
import { caveatsOf, type Readers } from './caveats.ts'
import {
  commandCheck,
  delegationLifetime,
  draftOf,
  type NewToken,
  newTokenChecks,
  readersCheck,
  tokensCheck,
} from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link delegate}. */
export interface UcantoDelegateOptions extends NewToken {
  /**
   * Whose authority, or the URI of a resource that the issuer owns. Default: the issuer's own. `anySubject` passes on
   * all that the issuer has and will be given.
   */
  readonly subject?: string | AnySubject
  /** What may be invoked: this command and all below it; `anyCommand` for all there are. */
  readonly command: string | CommandDefinition
  /** What the arguments of an invocation must satisfy. Default: nothing. */
  readonly policy?: Policy
  /** Who will read the token. Default `any`: a policy that others would ignore is not written. */
  readonly readers?: Readers
  /** What the issuer was given that this shall stand on, for `anySubject`. Default: nothing. */
  readonly proofs?: readonly UcantoToken[]
}

/**
 * Starts a chain in the format of UCAN 0.9.1. Valid for one hour unless you say otherwise.
 *
 * @throws ArgumentError when an option is missing or makes no sense, or the policy cannot be written.
 * @throws SigningError when the signer fails.
 */
export async function delegate(options: UcantoDelegateOptions): Promise<UcantoToken> {
  const given = readOptions('ucanto.delegate', options, optionChecks)
  const { issuer, subject = issuer.did, command, policy = [], readers = 'any', proofs = [] } = given
  if (subject !== anySubject && subject.startsWith('did:') && subject !== issuer.did) {
    throw new ArgumentError('`subject` is not the issuer; to pass on what was received, use attenuate with its proofs')
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

const optionChecks: OptionChecks<UcantoDelegateOptions> = Object.freeze({
  ...newTokenChecks,
  subject: (value) =>
    value === undefined || value === anySubject || typeof value === 'string'
      ? undefined
      : 'must be a DID, the URI of a resource, or anySubject',
  command: commandCheck,
  policy: anything,
  readers: readersCheck,
  proofs: maybe(tokensCheck),
})
