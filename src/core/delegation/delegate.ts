import { ArgumentError } from '../../errors.ts'
import { minimumNonceBytes } from '../../support/nonces.ts'
import { abortSignal, anything, type OptionChecks, readOptions, withMethod } from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import { samePolicy } from '../capability/policy/same-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { undeclaredIn } from '../capability/policy/undeclared-in.ts'
import { type AnySubject, anySubject, type Subject } from '../capability/subject.ts'
import { didOption } from '../did/did-option.ts'
import { readersOfParsed } from '../envelope/fields.ts'
import { checkTimestamp, chooseExpiration, type LifetimeOptions, lifetimeChecks } from '../envelope/lifetime.ts'
import { chooseNonce } from '../envelope/nonce.ts'
import { sealEnvelope } from '../envelope/seal.ts'
import type { IpldMap } from '../ipld/value.ts'
import { parsedDids, type Signer } from '../principal/signer.ts'
import { delegationFrom } from './decode-delegation.ts'
import type { Delegation, DelegationFields } from './delegation.ts'
import { readDelegationFields, writeDelegationPayload } from './payload.ts'

/** Seconds for which a delegation is valid by default: one hour. */
export const defaultDelegationLifetime = 3_600

/** The options of every new delegation. */
export interface NewDelegation extends LifetimeOptions {
  /** The principal that passes the authority on, and signs. */
  readonly issuer: Signer
  /** The DID of the principal that receives it. */
  readonly audience: string
  /** First second of validity. Default: none. */
  readonly notBefore?: Timestamp
  /** 12 to 64 bytes. Default: 12 random ones. */
  readonly nonce?: Uint8Array
  /** Signed notes; they carry no authority, and everybody who sees the delegation can read them. */
  readonly meta?: IpldMap
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link delegate}. */
export interface DelegateOptions extends NewDelegation {
  /**
   * The owner of the authority. Default: the issuer. `anySubject` passes on all that the issuer was and will be given.
   */
  readonly subject?: string | AnySubject
  /**
   * The command that may be invoked, with all commands below it; `anyCommand` for all commands. With a definition, the
   * policy is about the arguments that it declares.
   */
  readonly command: string | CommandDefinition
  /** Conditions on the arguments of an invocation. Default: none. */
  readonly policy?: Policy
}

/**
 * Starts a chain: an owner passes its authority on. The delegation is valid for one hour by default. To pass on a
 * delegation that you received, use `attenuate`.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @throws MalformedError when `command`, `policy` or `meta` is malformed.
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
    throw new ArgumentError('`subject` is not the issuer; to pass on a delegation, use `attenuate`')
  }
  const policy = parsePolicy(given.policy ?? [])
  return sealDelegation(
    given,
    {
      subject: subject === anySubject ? anySubject : issuer.did,
      command: commandOf(given.command),
      policy,
      expiration: chooseExpiration(given, defaultDelegationLifetime),
    },
    () => refuseUndeclared(given.command, policy),
  )
}

/**
 * Refuses a policy about an argument that the command does not declare.
 *
 * @throws ArgumentError as `checkDeclared` does.
 */
export function refuseUndeclared<Args>(command: string | CommandDefinition<Args> | undefined, policy: Policy): void {
  if (typeof command !== 'object' || policy.length === 0) return
  const fault = undeclaredIn(command, policy)
  if (fault !== undefined) throw new ArgumentError(fault)
}

/** The checks of {@link NewDelegation}. Values marked `anything` are checked where they are written. */
export const newDelegationChecks: OptionChecks<NewDelegation> = Object.freeze({
  issuer: withMethod('sign'),
  audience: anything,
  ...lifetimeChecks,
  notBefore: anything,
  nonce: anything,
  meta: anything,
  signal: abortSignal,
})

const optionChecks: OptionChecks<DelegateOptions> = Object.freeze({
  ...newDelegationChecks,
  subject: anything,
  command: anything,
  policy: anything,
})

/**
 * Signs a delegation whose authority was computed.
 *
 * @param authority - with the policy as `parsePolicy` returned it.
 * @param check - called before the delegation is signed. If it throws, nothing is signed.
 */
export async function sealDelegation(
  options: NewDelegation,
  authority: Pick<DelegationFields, 'command' | 'policy' | 'expiration'> & { readonly subject: Subject },
  check?: () => void,
): Promise<Delegation> {
  const { issuer, notBefore, meta } = options
  const fields: DelegationFields = {
    issuer: issuer.did,
    audience: didOption('audience', options.audience),
    ...authority,
    ...(notBefore !== undefined && { notBefore: checkTimestamp('notBefore', notBefore) }),
    nonce: chooseNonce(options.nonce, minimumNonceBytes, issuer),
    ...(meta !== undefined && { meta }),
  }
  const known = readersOfParsed([fields.audience, ...parsedDids(issuer)])
  const sealed = await sealEnvelope({
    kind: 'delegation',
    payload: writeDelegationPayload(fields),
    signer: issuer,
    signal: options.signal,
    read: (payload) =>
      readDelegationFields(payload, false, known, (value) => samePolicy(value, fields.policy) ?? parsePolicy(value)),
    check,
  })
  return delegationFrom(sealed.envelope, sealed.fields, sealed.cid)
}
