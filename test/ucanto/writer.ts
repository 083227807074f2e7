/**
 * Writes tokens of 0.9.1, also those that no library of that ecosystem would write: long tokens, ECDSA, missing
 * signatures.
 *
 * @module
 */

import * as dagCbor from '@ipld/dag-cbor'
import { UCAN } from '@ucanto/core'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import type { SignatureAlgorithm } from '../../src/core/did/public-key.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { block, type RawBlock } from './raw.ts'

/** The contents of a token. */
export interface RawToken {
  /** The issuer and signer. Without a key, the token has the frame of an absent issuer. */
  readonly issuer: Signer | { readonly did: string }
  readonly audience: { readonly did: string }
  readonly att: readonly object[]
  readonly prf?: readonly CID[]
  /** Default: a year from now. */
  readonly exp?: number | null
  readonly nbf?: number
  readonly nnc?: string
  readonly fct?: readonly object[]
  /** Writes a signature of the right length over nothing. */
  readonly junk?: boolean
}

const frames: Readonly<Record<SignatureAlgorithm, readonly [alg: string, code: readonly number[]]>> = {
  Ed25519: ['EdDSA', [0xed, 0xa1, 0x03]],
  ES256: ['ES256', [0x80, 0xa4, 0xc0, 0x06]],
  ES256K: ['ES256K', [0xe7, 0xa1, 0x03]],
}

/** Writes a token. */
export async function writeToken(token: RawToken): Promise<RawBlock> {
  const { issuer, audience, att, prf = [], exp = Math.floor(Date.now() / 1000) + 31_536_000, nbf, nnc, fct } = token
  const optional = {
    ...(fct === undefined ? {} : { fct }),
    ...(nnc === undefined ? {} : { nnc }),
    ...(nbf === undefined ? {} : { nbf }),
  }
  const s = await signatureOf(token, { att, exp, prf, ...optional })
  const fields = { v: '0.9.1', iss: principal(issuer.did), aud: principal(audience.did), s, att, prf, exp, ...optional }
  return block(dagCbor.encode(fields))
}

/** The frame `s` of a token with these fields. */
export async function signatureOf(
  { issuer, audience, junk }: Pick<RawToken, 'issuer' | 'audience' | 'junk'>,
  fields: object,
): Promise<Uint8Array> {
  if (!('sign' in issuer)) return Uint8Array.of(0x80, 0xa0, 0x03, 0x00)
  const [alg, code] = frames[issuer.algorithm]
  const header = Uint8Array.from([...code, 64])
  if (junk === true) return Buffer.concat([header, new Uint8Array(64).fill(1)])
  const [iss, aud] = [issuer, audience].map(({ did }) => ({ did: () => did }))
  const model = { v: '0.9.1', iss, aud, fct: [], ...fields, s: { algorithm: alg, raw: new Uint8Array(0) } }
  const text = UCAN.format(model as unknown as Parameters<typeof UCAN.format>[0])
  return Buffer.concat([header, await issuer.sign(new TextEncoder().encode(text.slice(0, text.lastIndexOf('.'))))])
}

function principal(did: string): Uint8Array {
  if (did.startsWith('did:key:')) return base58btc.decode(did.slice('did:key:'.length))
  return Buffer.concat([Uint8Array.of(0x9d, 0x1a), Buffer.from(did.slice('did:'.length))])
}
