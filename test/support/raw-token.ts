import { encode } from '@ipld/dag-cbor'
import { varsigHeader } from '../../src/core/envelope/varsig.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { now } from './actors.ts'

/** The parts of a token, which tests can spoil. `undefined` omits a payload field. */
export interface RawToken {
  readonly tag?: string
  readonly payload?: Readonly<Record<string, unknown>>
  readonly header?: Uint8Array
  readonly signature?: Uint8Array
  /** Further keys beside the header and the payload. */
  readonly beside?: Readonly<Record<string, unknown>>
}

/** A payload that a delegation from `issuer` to `audience` could have. */
export function delegationPayload(issuer: string, audience: string): Record<string, unknown> {
  return { iss: issuer, aud: audience, sub: issuer, cmd: '/mail', pol: [], nonce: new Uint8Array(12), exp: now + 600 }
}

/** A payload that an invocation by `issuer` on itself could have. */
export function invocationPayload(issuer: string): Record<string, unknown> {
  return { iss: issuer, sub: issuer, cmd: '/mail/send', args: {}, prf: [], nonce: new Uint8Array(12), exp: now + 60 }
}

/** Signs whatever it is given, without any of the library's checks. */
export async function sealRaw(signer: Signer, token: RawToken): Promise<Uint8Array> {
  const { tag = 'ucan/dlg@1.0.0', payload = {}, header = varsigHeader(signer.algorithm), beside = {} } = token
  const fields = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined))
  const signed = { h: header, [tag]: fields, ...beside }
  return encode([token.signature ?? (await signer.sign(encode(signed))), signed])
}
