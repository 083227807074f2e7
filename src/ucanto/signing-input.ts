import { UCAN } from '@ucanto/core'
import type { Did } from '../did/did.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { AlgorithmName } from './signature-frame.ts'

/** The parts of a token that its signature is about. */
export interface SignedFields {
  readonly issuer: Did
  readonly audience: Did
  readonly payload: IpldMap
}

/**
 * The text that is signed in 0.9.1: not the bytes of the token, but the JWT that it stands for, up to its second dot.
 * Built by the library that all of that ecosystem uses, so that the last letter is the same.
 */
export function signingInput({ issuer, audience, payload }: SignedFields, { alg }: AlgorithmName): Uint8Array {
  const { att, exp, prf, fct = [], nnc, nbf } = payload
  const model: unknown = {
    v: '0.9.1',
    iss: { did: () => issuer },
    aud: { did: () => audience },
    s: { algorithm: alg, raw: new Uint8Array(0) },
    att,
    exp,
    prf,
    fct,
    nnc,
    nbf,
  }
  // The signature of the model is empty, so the text ends with the dot before it.
  const text = UCAN.format(model as Parameters<typeof UCAN.format>[0])
  return new TextEncoder().encode(text.slice(0, -1))
}
