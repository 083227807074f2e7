/**
 * Opens a token of UCAN 0.9.1 strictly. Other readers accept several byte strings for one token; this one accepts only
 * the form that `@ucanto/core` writes. A token therefore has one CID, which revocations name.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Bounds } from '../bounds.ts'
import { type Did, didMethod } from '../core/did/did.ts'
import { bytesEqual } from '../core/ipld/bytes.ts'
import { isTokenCid } from '../core/ipld/cid.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import { type IpldMap, type IpldValue, isCid, isList, isMap } from '../core/ipld/value.ts'
import { MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'
import { type Never, never, type Timestamp } from '../time.ts'
import { type Capability, readCapability } from './capability.ts'
import { decodeBlock } from './car.ts'
import { lazy } from './lazy.ts'
import { readPrincipal } from './principal.ts'
import { type FramedSignature, isAbsentFrame, readSignatureFrame } from './signature-frame.ts'
import { signingInput } from './signing-input.ts'

/** A token that was read. Its signature is not verified. */
export interface OpenToken {
  readonly bytes: Uint8Array
  readonly issuer: Did
  readonly audience: Did
  readonly capabilities: readonly Capability[]
  readonly proofs: readonly CID[]
  readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** `nnc` as written. */
  readonly nonce?: string
  /** `fct`: signed information without authority. */
  readonly facts: readonly IpldMap[]
  /** Undefined when the issuer is absent and did not sign: an authority must attest the token. */
  readonly signature: FramedSignature | undefined
  /** The signed bytes: the text of the JWT form of the token. Empty without a signature. */
  readonly signed: () => Uint8Array
}

/** The settings for reading tokens. */
export interface OpenTokenContext {
  readonly bounds: Bounds
  readonly parseDid: (text: string) => Did
}

const required: readonly string[] = ['v', 'iss', 'aud', 's', 'att', 'prf', 'exp']
const optional: readonly string[] = ['fct', 'nnc', 'nbf']

/** The largest number of entries of `att` in a token. */
const maxCapabilities = 64

/** The largest length of `nnc`, in UTF-16 code units. */
const maxNonce = 64

/**
 * Opens a token.
 *
 * @throws MalformedError when the bytes are in any other form.
 */
export function openToken(bytes: Uint8Array, { bounds, parseDid }: OpenTokenContext): OpenToken {
  // A JWT begins with `eyJ`. It is the other form of the token, with another CID.
  if (bytes[0] === 0x65 && bytes[1] === 0x79 && bytes[2] === 0x4a) {
    throw new MalformedError('UCT-14', 'the token is a JWT, which is not supported; send it as DAG-CBOR', {
      kind: 'unsupported',
    })
  }
  const payload = decodeBlock(bytes, bounds)
  if (!isMap(payload)) throw new MalformedError('UCT-10', 'a token must be a map')
  checkFields(payload)
  // Only numbers have two canonical forms: the integer 1 and the float 1.0 are signed as the same text.
  if (!bytesEqual(encodeCbor(payload, 'token', bounds), bytes)) {
    throw new MalformedError('UCT-12', 'the token contains an integer encoded as a float')
  }
  checkKeys(payload)
  const issuer = readPrincipal(payload.iss, 'iss', parseDid)
  const audience = readPrincipal(payload.aud, 'aud', parseDid)
  const signature = readSignature(payload.s, issuer)
  return {
    bytes,
    issuer,
    audience,
    capabilities: readList(payload.att, 'att', maxCapabilities).map(readCapability),
    proofs: readList(payload.prf, 'prf', bounds.tokens).map(readProof),
    ...readTimes(payload),
    ...readNonce(payload.nnc),
    facts: readFacts(payload.fct),
    signature,
    signed: lazy(() =>
      signature === undefined ? new Uint8Array(0) : signingInput({ issuer, audience, payload }, signature),
    ),
  }
}

function readSignature(frame: IpldValue | undefined, issuer: Did): FramedSignature | undefined {
  if (!isAbsentFrame(frame)) return readSignatureFrame(frame)
  if (didMethod(issuer) !== 'key') return undefined
  throw new MalformedError('UCT-48', 'the issuer is a did:key, but the token has the signature of an absent issuer')
}

function checkFields(payload: IpldMap): void {
  for (const name of required) {
    if (!Object.hasOwn(payload, name))
      throw new MalformedError('UCT-10', `the field \`${name}\` of the token is missing`)
  }
  const extra = Object.keys(payload).find((name) => !required.includes(name) && !optional.includes(name))
  if (extra !== undefined) throw new MalformedError('UCT-10', `the token has an unknown field ${quote(extra)}`)
  if (payload.v !== '0.9.1') {
    throw new MalformedError('UCT-11', 'the version of the token is not 0.9.1', { kind: 'unsupported' })
  }
}

/** Refuses maps with the key `/`: in the signed text they would look like bytes or a link. */
function checkKeys(value: IpldValue): void {
  if (isList(value)) for (const item of value) checkKeys(item)
  else if (isMap(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === '/') throw new MalformedError('UCT-13', 'the token contains a map with the key `/`')
      checkKeys(item)
    }
  }
}

function readList(value: IpldValue | undefined, name: string, most: number): readonly IpldValue[] {
  if (value === undefined || !isList(value)) throw new MalformedError('UCT-10', `\`${name}\` must be a list`)
  if (value.length > most) {
    throw new MalformedError('UCT-25', `\`${name}\` has more than ${most} entries`, { kind: 'too_large' })
  }
  return value
}

function readProof(value: IpldValue): CID {
  if (isCid(value) && isTokenCid(value)) return value
  throw new MalformedError('UCT-24', 'every item of `prf` must be a link with CIDv1, dag-cbor and sha2-256', {
    kind: 'unsupported',
  })
}

function readTimes({ nbf, exp }: IpldMap): Pick<OpenToken, 'notBefore' | 'expiration'> {
  // Zero is omitted in the signed text: a token with it would be a second token with the same signature.
  if (nbf === 0) throw new MalformedError('UCT-26', '`nbf` must be omitted when it is zero')
  const expiration = exp === null ? never : readTime(exp, 'exp')
  return nbf === undefined ? { expiration } : { notBefore: readTime(nbf, 'nbf'), expiration }
}

function readTime(value: IpldValue | undefined, name: string): Timestamp {
  if (Number.isSafeInteger(value)) return value as Timestamp
  throw new MalformedError('UCT-10', `\`${name}\` must be an integer of seconds within ±(2^53 - 1)`)
}

function readNonce(value: IpldValue | undefined): Pick<OpenToken, 'nonce'> {
  if (value === undefined) return {}
  if (value === '') throw new MalformedError('UCT-27', '`nnc` must be omitted when it is empty')
  if (typeof value === 'string' && value.length <= maxNonce) return { nonce: value }
  throw new MalformedError('UCT-10', `\`nnc\` must be a string of at most ${maxNonce} characters`)
}

function readFacts(value: IpldValue | undefined): readonly IpldMap[] {
  if (value === undefined) return []
  const facts = readList(value, 'fct', maxCapabilities)
  if (facts.length === 0) throw new MalformedError('UCT-28', '`fct` must be omitted when it is empty')
  return facts.map((fact) => {
    if (!isMap(fact)) throw new MalformedError('UCT-10', 'every item of `fct` must be a map')
    return fact
  })
}
