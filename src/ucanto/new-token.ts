/**
 * The options that all functions for new tokens share, and their checks.
 *
 * @module
 */

import { type Did, didMethod, parseDid } from '../did/did.ts'
import { checkTimestamp, type LifetimeOptions, lifetimeChecks } from '../envelope/lifetime.ts'
import { ArgumentError } from '../errors.ts'
import { encodeBase64 } from '../ipld/base.ts'
import { type IpldMap, isCid, isPlainObject } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  byteArray,
  didString,
  either,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  oneOfStrings,
  refusePromise,
  withMethod,
} from '../support/options.ts'
import { never, type Timestamp } from '../time.ts'
import type { TokenDraft } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** An issuer who has no key here, such as `did:mailto`, and does not sign. */
export interface AbsentIssuer {
  readonly did: Did
  readonly isAbsent: true
}

/**
 * Lets {@link delegate} write a delegation by somebody who cannot sign. It counts nowhere until an authority attests it:
 * see {@link attest}.
 *
 * @param did - such as `did:mailto:example.com:alice`.
 * @throws ArgumentError for a `did:key`, which can sign.
 * @throws MalformedError when it is no DID.
 */
export function absentIssuer(did: string): AbsentIssuer {
  const parsed = parseDid(did)
  if (didMethod(parsed) === 'key') throw new ArgumentError('a did:key signs itself and cannot be absent')
  return Object.freeze({ did: parsed, isAbsent: true })
}

/** Tells whether an issuer is absent. */
export function isAbsent(issuer: Signer | AbsentIssuer): issuer is AbsentIssuer {
  return 'isAbsent' in issuer
}

/** A token of this library. */
const tokenCheck: OptionCheck = (value) => {
  const { cid, audience, expiration, capabilities, included, attached } = Object(value) as Partial<UcantoToken>
  const isToken =
    isCid(cid) &&
    typeof audience === 'string' &&
    (expiration === never || typeof expiration === 'number') &&
    Array.isArray(capabilities) &&
    included instanceof Map &&
    attached instanceof Map
  return isToken
    ? undefined
    : 'must be a token of UCAN 0.9.1, as `delegate`, `attenuate`, `invoke` or `decode` gives it'
}

/** Tokens of this library. */
export const tokensCheck: OptionCheck = arrayOf(tokenCheck)

/** A map of the data model; an instance of a class, a `Map` for one, would be written as if it were empty. */
export const mapCheck: OptionCheck = (value) => (isPlainObject(value) ? undefined : 'must be a plain object')

/** For whom conditions are written. */
export const readersCheck: OptionCheck = maybe(oneOfStrings('any', 'procura'))

/** A command as text, or its definition. */
export const commandCheck: OptionCheck = either(nonEmptyString, (value) =>
  typeof Object(value).command === 'string' ? undefined : 'must be a command definition',
)

const absent: OptionCheck = (value) =>
  Object(value).isAbsent === true ? undefined : 'must be what `absentIssuer` gives'

/** The forms of {@link NewToken}. */
export const newTokenChecks: OptionChecks<NewToken> = Object.freeze({
  issuer: either(withMethod('sign'), absent),
  audience: didString,
  ...lifetimeChecks,
  notBefore: anything,
  nonce: anything,
  meta: maybe(mapCheck),
  attached: maybe(arrayOf(byteArray)),
  signal: maybe(abortSignal),
})

/**
 * Returns a token that was passed for one.
 *
 * @throws ArgumentError when it is something else.
 */
export function checkToken(name: string, value: UcantoToken): UcantoToken {
  refusePromise(name, value)
  const fault = tokenCheck(value)
  if (fault !== undefined) throw new ArgumentError(`\`${name}\` ${fault}`)
  return value
}

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
