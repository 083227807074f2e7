import type { CommandDefinition } from '../capability/definition.ts'
import { checkDeclared } from '../capability/policy/check-declared.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { type AnySubject, anySubject } from '../capability/subject.ts'
import { checkTimestamp, chooseExpiration, type LifetimeOptions } from '../envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { encodeBase64 } from '../ipld/base.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'
import { anything, maybe, type OptionChecks, readOptions } from '../support/options.ts'
import type { Timestamp } from '../time.ts'
import { abilitiesOf, commandOf } from './ability.ts'
import type { AbsentIssuer } from './absent-issuer.ts'
import { allResources } from './capability.ts'
import { caveatsOf, type Readers } from './caveats.ts'
import { commandCheck, newTokenChecks, readersCheck, tokensCheck } from './new-token-options.ts'
import { sealToken, type TokenDraft } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Seconds for which a delegation is valid when nothing is said: one hour. */
export const delegationLifetime = 3_600

/** What every new token of 0.9.1 needs to be told. */
export interface NewToken extends LifetimeOptions {
  /** Who signs, or who is absent and does not. */
  readonly issuer: Signer | AbsentIssuer
  /** The DID of who receives it. */
  readonly audience: string
  /** First second of validity. Default: none. */
  readonly notBefore?: Timestamp
  /** Up to 48 bytes, written in base64. Default: 16 random ones. */
  readonly nonce?: Uint8Array
  /** Signed notes; they carry no authority. */
  readonly meta?: IpldMap
  /** Blocks of DAG-CBOR to send along; the arguments, conditions or notes link to each. Default: none. */
  readonly attached?: readonly Uint8Array[]
  /** Ends a signer that takes too long. */
  readonly signal?: AbortSignal | undefined
}

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

/** The parts of a token that are the same for each kind. */
export function draftOf(options: NewToken): Omit<TokenDraft, 'capabilities' | 'expiration' | 'proofs'> {
  const { issuer, audience, notBefore, meta, attached, signal } = options
  const nonce = options.nonce ?? globalThis.crypto.getRandomValues(new Uint8Array(16))
  if (!(nonce instanceof Uint8Array) || nonce.length > 48) throw new ArgumentError('`nonce` must have at most 48 bytes')
  return {
    issuer,
    audience,
    ...(nonce.length === 0 ? {} : { nonce: encodeBase64(nonce) }),
    ...(meta !== undefined && { facts: [meta] }),
    ...(attached !== undefined && { attached }),
    ...(notBefore !== undefined && { notBefore: checkTimestamp('notBefore', notBefore) }),
    signal,
  }
}
