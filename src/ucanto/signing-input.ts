import type { Did } from '../did/did.ts'
import { encodeBase64url } from '../ipld/base.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import { dagJson } from './dag-json.ts'
import type { AlgorithmName } from './signature-frame.ts'

/** The parts of a token that its signature is about. */
export interface SignedFields {
  readonly issuer: Did
  readonly audience: Did
  readonly payload: IpldMap
}

/**
 * The text that is signed in 0.9.1: not the bytes of the token, but the JWT that it stands for, up to its second dot.
 * Built for every token that is verified, so by a writer that is faster than the one of `@ucanto/core`; the text is the
 * same, or else no signature of that library would verify.
 */
export function signingInput({ issuer, audience, payload }: SignedFields, { alg }: AlgorithmName): Uint8Array {
  const { att, exp, prf, fct, nnc, nbf } = payload
  const header = { alg, typ: 'JWT', ucv: '0.9.1' }
  const body: Record<string, IpldValue> = {
    iss: issuer,
    aud: audience,
    att: att as IpldValue,
    exp: exp as IpldValue,
    prf: (prf as readonly IpldValue[]).map(String),
    ...(fct !== undefined && { fct }),
    ...(nnc !== undefined && { nnc }),
    ...(nbf !== undefined && { nbf }),
  }
  const utf8 = new TextEncoder()
  const encode = (value: IpldValue): string => encodeBase64url(utf8.encode(dagJson(value)))
  return utf8.encode(`${encode(header)}.${encode(body)}`)
}
