import { type Command, commandCovers } from '../core/capability/command.ts'
import { type CommandDefinition, commandOf } from '../core/capability/definition.ts'
import { checkDeclared } from '../core/capability/policy/check-declared.ts'
import { parsePolicy } from '../core/capability/policy/parse-policy.ts'
import type { Policy } from '../core/capability/policy/statement.ts'
import { findWidening } from '../core/capability/policy-analysis/find-widening.ts'
import { chooseExpiration } from '../core/envelope/lifetime.ts'
import { ArgumentError, AttenuationError } from '../errors.ts'
import { anything, maybe, nonEmptyString, type OptionChecks, readOptions, withDefault } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type Never, never, showTime, type Timestamp } from '../time.ts'
import { abilitiesOf, allResources, readAbility } from './capability.ts'
import { caveatsOf, policyOf, type Readers } from './caveats.ts'
import {
  checkToken,
  commandCheck,
  delegationLifetime,
  draftOf,
  type NewToken,
  newTokenChecks,
  readersCheck,
  tokensOrNone,
} from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoCapability, UcantoToken } from './token.ts'

/** Options of {@link attenuate}. */
export interface UcantoAttenuateOptions extends NewToken {
  /** The command that may be invoked, with all commands below it. Default: the command of the proof. */
  readonly command?: string | CommandDefinition
  /**
   * The DID or the URI of a resource, if the proof grants all resources of its issuer. Default: the resource of the
   * proof.
   */
  readonly subject?: string
  /** Further conditions. The conditions of the proof apply as well. Default: none. */
  readonly policy?: Policy
  /** The verifiers of the token. Default `any`. */
  readonly readers?: Readers
  /** Attestations of the proof, if its issuer is absent. They are named beside it. Default: none. */
  readonly attestations?: readonly UcantoToken[]
}

/**
 * Delegates received authority, or a part of it. Plain conditions of the proof are repeated, as verifiers of 0.9.1
 * expect.
 *
 * Without `expiresIn` and `expiration` it is valid for one hour, or until the proof expires if that is sooner.
 *
 * @param proof - the received delegation, with its own proofs.
 * @throws AttenuationError when the new delegation would grant more than its proof.
 * @throws ArgumentError when an option is missing or invalid, or the policy cannot be written.
 */
export async function attenuate(proof: UcantoToken, options: UcantoAttenuateOptions): Promise<UcantoToken> {
  checkToken('proof', proof)
  const given = readOptions('ucanto.attenuate', options, optionChecks)
  const { issuer, readers, subject, attestations } = given
  const policy = parsePolicy(given.policy)
  if (given.command !== undefined) checkDeclared(given.command, policy)
  if (proof.audience !== issuer.did) {
    throw new AttenuationError(
      `the proof is for ${proof.audience}, so ${issuer.did} cannot pass it on; sign with the key of that audience, or use a proof for the issuer`,
    )
  }
  const abilities = abilitiesOf(given.command === undefined ? broadest(proof) : commandOf(given.command))
  const sources = abilities.map((can) => sourceOf(proof, can, subject))
  const capabilities = sources.map((source, index): UcantoCapability => {
    const held = policyOf(source.nb)
    const widening = findWidening(held, policy)
    if (widening !== undefined) throw new AttenuationError(widening.message)
    const inherited = held.filter((statement) => isPlainEntry(statement, source))
    return {
      can: abilities[index] as string,
      with: subject ?? source.with,
      nb: caveatsOf(withoutDoubles([...inherited, ...policy]), readers),
    }
  })
  return sealToken({
    ...draftOf(given),
    capabilities,
    expiration: boundExpiration(given, proof),
    proofs: [proof, ...attestations],
  })
}

const optionChecks = Object.freeze({
  ...newTokenChecks,
  command: maybe(commandCheck),
  subject: maybe(nonEmptyString),
  policy: withDefault(anything, []),
  readers: readersCheck,
  attestations: tokensOrNone,
}) satisfies OptionChecks<UcantoAttenuateOptions>

/** The command of the proof that covers all its other commands. */
function broadest({ capabilities }: UcantoToken): Command {
  const commands = capabilities.flatMap(({ can }) => readAbility(can)?.command ?? [])
  const found = commands.find((command) => commands.every((other) => commandCovers(command, other)))
  if (found === undefined) throw new ArgumentError('the proof grants several commands; set `command`')
  return found
}

/** The capability of the proof that grants an ability. */
function sourceOf({ capabilities }: UcantoToken, can: string, subject: string | undefined): UcantoCapability {
  const found = capabilities.find(
    (given) =>
      abilityIncludes(given.can, can) && (subject === undefined || [subject, allResources].includes(given.with)),
  )
  if (found === undefined)
    throw new AttenuationError(
      `the proof does not grant \`${can}\` over ${subject === undefined ? 'its resource' : quote(subject)}; choose a \`command\` and \`subject\` that it grants`,
    )
  return found
}

/** Whether one `can` grants another. */
function abilityIncludes(given: string, asked: string): boolean {
  return given === '*' || given === asked || (given.endsWith('/*') && asked.startsWith(given.slice(0, -1)))
}

function isPlainEntry(statement: Policy[number], { nb }: UcantoCapability): boolean {
  const [operator, selector, value] = statement
  return operator === '==' && Object.entries(nb).some(([key, given]) => selector === `.${key}` && given === value)
}

function withoutDoubles(policy: Policy): Policy {
  const seen = new Set<string>()
  return policy.filter((statement) => {
    const text = JSON.stringify(statement)
    if (seen.has(text)) return false
    seen.add(text)
    return true
  })
}

function boundExpiration(options: UcantoAttenuateOptions, proof: UcantoToken): Timestamp | Never {
  const bound = proof.expiration
  const chosen = chooseExpiration(options, delegationLifetime)
  if (bound === never || (chosen !== never && chosen <= bound)) return chosen
  if (options.expiresIn === undefined && options.expiration === undefined) {
    // By the clock of the issuer. Nobody has chosen a delegation that has expired already.
    if ((chosen as Timestamp) - delegationLifetime <= bound) return bound
    throw new AttenuationError(`the proof expired at ${showTime(bound)}; ask its issuer for a new delegation`)
  }
  throw new AttenuationError(
    `the delegation would outlive its proof, which expires at ${showTime(bound)}; choose an earlier \`expiration\`, or a shorter \`expiresIn\``,
  )
}
