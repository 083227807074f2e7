import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { checkDeclared } from '../capability/policy/check-declared.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { type AnySubject, anySubject, type Subject } from '../capability/subject.ts'
import { didOption } from '../did/did-option.ts'
import { checkTimestamp, chooseExpiration, type LifetimeOptions, lifetimeChecks } from '../envelope/lifetime.ts'
import { chooseNonce, minimumNonceBytes } from '../envelope/nonce.ts'
import { sealEnvelope } from '../envelope/seal.ts'
import { ArgumentError } from '../errors.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'
import { abortSignal, anything, maybe, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import type { Timestamp } from '../time.ts'
import { delegationOf } from './decode-delegation.ts'
import type { Delegation, DelegationFields } from './delegation.ts'
import { writeDelegationPayload } from './payload.ts'

/** Seconds for which a delegation is valid when nothing is said: one hour. */
export const defaultDelegationLifetime = 3_600

/** What every new delegation needs to be told. */
export interface NewDelegation extends LifetimeOptions {
  /** Who passes the authority on, and signs. */
  readonly issuer: Signer
  /** The DID of who receives it. */
  readonly audience: string
  /** First second of validity. Default: none. */
  readonly notBefore?: Timestamp
  /** 12 to 64 bytes. Default: 12 random ones. */
  readonly nonce?: Uint8Array
  /** Signed notes; they carry no authority, and everybody who sees the delegation can read them. */
  readonly meta?: IpldMap
  /** Ends a signer that takes too long. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link delegate}. */
export interface DelegateOptions extends NewDelegation {
  /** Whose authority. Default: the issuer's own. `anySubject` passes on all the issuer was and will be given. */
  readonly subject?: string | AnySubject
  /**
   * What may be invoked: this command and all below it; `anyCommand` for all there are. With a definition, the policy is
   * about the arguments that it declares.
   */
  readonly command: string | CommandDefinition
  /** What the arguments of an invocation must satisfy. Default: nothing. */
  readonly policy?: Policy
}

/**
 * Starts a chain: the owner of something passes authority over it on. Valid for one hour unless you say otherwise. To
 * pass on what you were given, use `attenuate`.
 *
 * @throws ArgumentError when an option is missing or makes no sense.
 * @throws MalformedError when the command, the policy or `meta` is none.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { delegate } from 'procura'
 * import { like } from 'procura/policy'
 *
 * const grant = await delegate({
 *   issuer: owner,
 *   audience: agent.did,
 *   command: '/mail/send',
 *   policy: [like('.to', '*@example.com')],
 *   expiresIn: 600,
 * })
 * ```
 */
export async function delegate(options: DelegateOptions): Promise<Delegation> {
  const given = readOptions('delegate', options, optionChecks)
  const { issuer, subject = issuer.did } = given
  if (subject !== anySubject && subject !== issuer.did) {
    throw new ArgumentError('`subject` is not the issuer; to pass on what was received, use attenuate with its proofs')
  }
  const policy = parsePolicy(given.policy ?? [])
  checkDeclared(given.command, policy)
  return sealDelegation(given, {
    subject: subject === anySubject ? anySubject : issuer.did,
    command: commandOf(given.command),
    policy,
    expiration: chooseExpiration(given, defaultDelegationLifetime),
  })
}

/** The forms of {@link NewDelegation}; the values that are anything are looked at where they are written. */
export const newDelegationChecks: OptionChecks<NewDelegation> = Object.freeze({
  issuer: withMethod('sign'),
  audience: anything,
  ...lifetimeChecks,
  notBefore: anything,
  nonce: anything,
  meta: anything,
  signal: maybe(abortSignal),
})

const optionChecks: OptionChecks<DelegateOptions> = Object.freeze({
  ...newDelegationChecks,
  subject: anything,
  command: anything,
  policy: anything,
})

/**
 * Signs a delegation whose authority has been worked out.
 *
 * @param check - see `sealEnvelope`.
 */
export async function sealDelegation(
  options: NewDelegation,
  authority: Pick<DelegationFields, 'command' | 'policy' | 'expiration'> & { readonly subject: Subject },
  check?: () => Promise<void>,
): Promise<Delegation> {
  const { issuer, notBefore, meta } = options
  const fields: DelegationFields = {
    issuer: issuer.did,
    audience: didOption('audience', options.audience),
    ...authority,
    ...(notBefore !== undefined && { notBefore: checkTimestamp('notBefore', notBefore) }),
    nonce: chooseNonce(options.nonce, minimumNonceBytes),
    ...(meta !== undefined && { meta }),
  }
  const payload = writeDelegationPayload(fields)
  const { envelope, cid } = await sealEnvelope('delegation', payload, issuer, options.signal, check)
  return delegationOf(envelope, cid)
}
