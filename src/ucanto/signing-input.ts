import type { Did } from '../core/did/did.ts'
import { encodeBase64, encodeBase64url } from '../core/ipld/base.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList } from '../core/ipld/value.ts'
import type { AlgorithmName } from './signature-frame.ts'

/** The parts of a token that its signature covers. */
export interface SignedFields {
  readonly issuer: Did
  readonly audience: Did
  readonly payload: IpldMap
}

/**
 * The signed text of UCAN 0.9.1: not the bytes of the token, but its JWT form up to the second dot. It is built for
 * every token that is verified, and this writer takes a tenth of the time that `@ucanto/core` takes. Both write the
 * same text.
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

/**
 * Writes a value in DAG-JSON as the libraries of that ecosystem do: keys in the order of their UTF-16 units, floats
 * with a point, bytes and links as maps with the key `/`. Different values have different texts, unless a map in them
 * has that key.
 */
export function dagJson(value: IpldValue): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isBytes(value)) return `{"/":{"bytes":"${encodeBase64(value).replaceAll('=', '')}"}}`
  if (isList(value)) return `[${value.map(dagJson).join(',')}]`
  if (isCid(value)) return `{"/":"${value.toString()}"}`
  return mapText(value)
}

function mapText(map: IpldMap): string {
  const entries = Object.keys(map)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${dagJson(map[key] as IpldValue)}`)
  return `{${entries.join(',')}}`
}

function numberText(value: number): string {
  const text = String(value)
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : `${text}.0`
}
