/**
 * The options that all functions for new tokens share, and their checks.
 *
 * @module
 */

import { didMethod, parseDid } from '../core/did/did.ts'
import { checkTimestamp, type LifetimeOptions, lifetimeChecks } from '../core/envelope/lifetime.ts'
import { encodeBase64 } from '../core/ipld/base.ts'
import { type IpldMap, isCid, isPlainObject } from '../core/ipld/value.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError } from '../errors.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  byteArray,
  type DefaultCheck,
  didString,
  either,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  oneOfStrings,
  refusePromise,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { never, type Timestamp } from '../time.ts'
import type { AbsentIssuer } from './principal.ts'
import type { TokenDraft } from './seal.ts'
import type { UcantoToken } from './token.ts'

/** Seconds for which a delegation is valid by default: one hour. */
export const delegationLifetime = 3_600

/** Options of all functions that make a token of 0.9.1. */
export interface NewToken extends LifetimeOptions {
  /** The signer, or an absent issuer, who does not sign. */
  readonly issuer: Signer | AbsentIssuer
  /** The DID of the receiver. */
  readonly audience: string
  /** The first second of validity. Default: none. */
  readonly notBefore?: Timestamp
  /** At most 48 bytes, written in base64. Default: 16 random bytes. */
  readonly nonce?: Uint8Array
  /** Signed information without authority. Default: none. */
  readonly meta?: IpldMap
  /** Blocks of DAG-CBOR to include. The arguments, conditions or `meta` must link to each. Default: none. */
  readonly attached?: readonly Uint8Array[]
  /** Stops waiting for the signer. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes an issuer for {@link delegate} that cannot sign. Services accept its delegation only with an attestation by an
 * authority: see {@link attest}.
 *
 * @param did - such as `did:mailto:example.com:alice`.
 * @throws ArgumentError for a `did:key`, which can sign.
 * @throws MalformedError when `did` is not a DID.
 */
export function absentIssuer(did: string): AbsentIssuer {
  const parsed = parseDid(did)
  if (didMethod(parsed) === 'key')
    throw new ArgumentError('`did` must not be a did:key, which can sign; pass its signer as `issuer`')
  return Object.freeze({ did: parsed, isAbsent: true })
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
  return isToken ? undefined : 'must be a token of UCAN 0.9.1 from `delegate`, `attenuate`, `invoke` or `decode`'
}

/** Tokens of this library. */
export const tokensCheck: OptionCheck = arrayOf(tokenCheck)

/** Tokens of this library. Default: none. */
export const tokensOrNone: DefaultCheck = withDefault(tokensCheck, [])

/** A plain object. An instance of a class, such as a `Map`, would be written as an empty map. */
export const mapCheck: OptionCheck = (value) => (isPlainObject(value) ? undefined : 'must be a plain object')

/** The verifiers for which conditions are written. */
export const readersCheck: DefaultCheck = withDefault(oneOfStrings('any', 'procura'), 'any')

/** A command as a string, or its definition. */
export const commandCheck: OptionCheck = either(nonEmptyString, (value) =>
  typeof Object(value).command === 'string' ? undefined : 'must be a command definition',
)

const absent: OptionCheck = (value) =>
  Object(value).isAbsent === true ? undefined : 'must be a result of `absentIssuer`'

/** The checks of {@link NewToken}. */
export const newTokenChecks: OptionChecks<NewToken> = Object.freeze({
  issuer: either(withMethod('sign'), absent),
  audience: didString,
  ...lifetimeChecks,
  notBefore: anything,
  nonce: anything,
  meta: maybe(mapCheck),
  attached: maybe(arrayOf(byteArray)),
  signal: abortSignal,
})

/**
 * Returns an argument that must be a token.
 *
 * @throws ArgumentError when it is anything else.
 */
export function checkToken(name: string, value: UcantoToken): UcantoToken {
  refusePromise(name, value)
  const fault = tokenCheck(value)
  if (fault !== undefined) throw new ArgumentError(`\`${name}\` ${fault}`)
  return value
}

/** The parts of a token that all kinds of new tokens have. */
export function draftOf(options: NewToken): Omit<TokenDraft, 'capabilities' | 'expiration' | 'proofs'> {
  const { issuer, audience, notBefore, meta, attached, signal } = options
  const nonce = options.nonce ?? globalThis.crypto.getRandomValues(new Uint8Array(16))
  if (!(nonce instanceof Uint8Array) || nonce.length > 48)
    throw new ArgumentError('`nonce` must be a Uint8Array of at most 48 bytes')
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
