import { type CommandDefinition, commandOf } from '../core/capability/definition.ts'
import { missingArgument } from '../core/capability/missing-argument.ts'
import { chooseExpiration } from '../core/envelope/lifetime.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError } from '../errors.ts'
import { maybe, nonEmptyString, type OptionChecks, readOptions, withDefault, withMethod } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { abilityOf, allResources, attestAbility } from './capability.ts'
import { policyKey } from './caveats.ts'
import { commandCheck, draftOf, mapCheck, type NewToken, newTokenChecks, tokensOrNone } from './new-token.ts'
import { sealToken } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Seconds for which an invocation is valid by default: one minute. */
const invocationLifetime = 60

/** Options of {@link invoke}. With a definition that requires an argument, `args` must be given. */
export type UcantoInvokeOptions<Args = IpldMap> = NewToken & {
  /** The signer. An absent issuer cannot invoke. */
  readonly issuer: Signer
  /**
   * The DID whose authority is used, or the URI of the resource. Default: the resource of the proofs; without proofs
   * the issuer.
   */
  readonly subject?: string
  /** The command. A definition also gives the arguments their type. */
  readonly command: string | CommandDefinition<Args>
  /** The arguments. Default: none, if the command requires none. */
  readonly args?: Args
  /**
   * The proofs: delegations to the issuer, and attestations of those whose issuer is absent. Default: none, which is
   * enough for the authority of the issuer itself.
   */
  readonly proofs?: readonly UcantoToken[]
} & (Record<never, never> extends Args ? unknown : { readonly args: Args })

/**
 * Makes an invocation in the format of UCAN 0.9.1. It is valid for one minute by default. Send it as
 * `await archive(call)`, or to a ucanto service with `execute`.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { decode, execute, invoke } from 'procura/ucanto'
 *
 * const proofs = await decode(received)
 * const call = await invoke({
 *   issuer: agent,
 *   audience: service.did,
 *   command: '/mail/send',
 *   args: { to: 'ann@example.com' },
 *   proofs,
 * })
 * const { outcome } = await execute(call, { url: 'https://mail.example.com/' })
 * ```
 */
export async function invoke<Args = IpldMap>(options: UcantoInvokeOptions<Args>): Promise<UcantoToken> {
  const given = readOptions('ucanto.invoke', options, optionChecks)
  const { issuer, args, proofs } = given
  if (Object.hasOwn(args as object, policyKey)) {
    throw new ArgumentError(`\`args\` must not contain \`${policyKey}\`, which is the key of policies in 0.9.1`)
  }
  const command = commandOf(given.command)
  const missing = missingArgument(given.command, args)
  if (missing !== undefined) throw new ArgumentError(`command ${quote(command)} needs the argument ${quote(missing)}`)
  return sealToken({
    ...draftOf(given),
    capabilities: [
      { can: abilityOf(command), with: given.subject ?? resourceOf(proofs) ?? issuer.did, nb: args as IpldMap },
    ],
    expiration: chooseExpiration(given, invocationLifetime),
    proofs,
  })
}

const optionChecks = Object.freeze({
  ...newTokenChecks,
  // An absent issuer cannot invoke.
  issuer: withMethod('sign'),
  subject: maybe(nonEmptyString),
  command: commandCheck,
  args: withDefault(mapCheck, Object.freeze({})),
  proofs: tokensOrNone,
}) satisfies OptionChecks<UcantoInvokeOptions>

/** The one resource that the proofs and their proof chains name. */
function resourceOf(proofs: readonly UcantoToken[]): string | undefined {
  const tokens = proofs.flatMap((proof) => [proof, ...proof.included.values()]).filter(isNotAttestation)
  const named = new Set(tokens.flatMap(({ capabilities }) => capabilities.map((capability) => capability.with)))
  named.delete(allResources)
  if (named.size > 1 || (named.size === 0 && proofs.length > 0)) {
    throw new ArgumentError('the proofs do not name exactly one resource; set `subject`')
  }
  return [...named][0]
}

/** The resource of an attestation is an authority, and not a resource of the call. */
function isNotAttestation({ capabilities }: UcantoToken): boolean {
  return capabilities[0]?.can !== attestAbility
}
