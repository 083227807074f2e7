/**
 * Statements of a publisher about revocations as text: DAG-CBOR and its signature in base64url, with a dot between
 * them.
 *
 * @module
 */

import type { Did } from '../core/did/did.ts'
import { type DidResolver, readKeys } from '../core/did/resolver.ts'
import { decodeBase64url, encodeBase64url } from '../core/ipld/base.ts'
import { decodeCbor } from '../core/ipld/decode.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import type { IpldMap, IpldValue } from '../core/ipld/value.ts'
import type { CryptoBackend } from '../core/principal/backend/backend.ts'
import { signWith } from '../core/principal/checked-signature.ts'
import { verifySignature } from '../core/principal/signature.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError, MalformedError, StoreError } from '../errors.ts'

/** A kind of statement. */
export interface StatementKind {
  /** The signature covers it, so that no statement can be taken for one of another kind. */
  readonly type: string
  /** The statement as messages name it. */
  readonly of: string
  readonly limits: { readonly bytes: number; readonly items: number; readonly stringBytes: number }
}

const maxKeys = 8

/** Signs a statement. */
export async function signText(
  value: IpldMap,
  { type, of, limits }: StatementKind,
  signer: Signer,
  backend: CryptoBackend,
): Promise<string> {
  const bytes = encodeCbor(value, of, { depth: 8, items: limits.items })
  const signature = await signWith(signer, await signedBytes(type, bytes, backend), undefined)
  return `${encodeBase64url(bytes)}.${encodeBase64url(signature)}`
}

/** The statement contains the hash of the bytes, so that a signer with short messages can sign it. */
async function signedBytes(type: string, bytes: Uint8Array, backend: CryptoBackend): Promise<Uint8Array> {
  return encodeCbor([type, await backend.sha256(bytes)])
}

/**
 * Makes the reader of the statements of one publisher.
 *
 * @param read - reads a statement whose signature was verified. It throws an ArgumentError for one of another form.
 * @returns a function that rejects with a StoreError for a text that the publisher did not sign, or that is malformed.
 */
export function signedTextReader<T>(
  { type, of, limits }: StatementKind,
  publisher: Did,
  resolver: DidResolver,
  backend: CryptoBackend,
  read: (value: IpldValue) => T,
): (text: string, signal: AbortSignal) => Promise<T> {
  async function isSigned(bytes: Uint8Array, signature: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const message = await signedBytes(type, bytes, backend)
    const keys = readKeys(publisher, await resolver.resolve(publisher, { signal }))
    for (const key of keys.slice(0, maxKeys)) {
      if (await verifySignature(backend, key, await backend.prepareKey(key), signature, message)) return true
    }
    return false
  }

  return async (text, signal) => {
    try {
      const [body = '', signature = '', ...more] = text.split('.', 3)
      if (more.length > 0) throw new StoreError(`${of} has more than two parts`)
      const bytes = decodeBase64url(body, limits.bytes)
      // RVK-25: nothing of the statement is read before its signature is verified.
      if (!(await isSigned(bytes, decodeBase64url(signature, 64), signal))) {
        throw new StoreError(`${of} is not signed by ${publisher}`)
      }
      return read(decodeCbor(bytes, limits))
    } catch (cause) {
      if (!(cause instanceof MalformedError || cause instanceof ArgumentError)) throw cause
      throw new StoreError(`${of} is malformed: ${cause.message}`, { cause })
    }
  }
}
