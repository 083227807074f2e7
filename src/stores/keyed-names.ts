// node only: HMAC

/**
 * Names under which shared stores keep their entries. STO-01
 *
 * A name is a keyed hash, so the contents of a database show neither
 * principals nor calls, and nobody without the secret can choose or recognize a name.
 *
 * @module
 */

import { createHmac } from 'node:crypto'
import { ArgumentError } from '../errors.ts'
import type { OptionCheck } from '../support/options.ts'

/** The secret of a shared store: 32 random bytes or more, the same in every process that shares the store. */
export type StoreSecret = Uint8Array

/** A secret of 32 bytes or more. */
export const storeSecretCheck: OptionCheck = (value) =>
  value instanceof Uint8Array && value.length >= 32 ? undefined : 'must be a Uint8Array of 32 bytes or more'

/** The purpose of a name. Names of different kinds are never equal. */
export type NameKind =
  | 'replay'
  | 'revocation'
  | 'revoker'
  | 'limit'
  | 'limit-call'
  | 'limit-task'
  | 'personal-key'
  | 'processed'
  | 'secret'

/** The bytes of a name. Two names are the same with a probability of 2^-64 among four billion of them. */
const nameBytes = 16

/** Makes names with one secret. */
export interface KeyedNames {
  /** Returns the 16 bytes of a name. */
  bytes(kind: NameKind, text: string): Uint8Array
  /** The same in lower-case hexadecimal. */
  hex(kind: NameKind, text: string): string
  /** Identifies the secret, so that two processes notice that their secrets differ. */
  readonly fingerprint: string
}

/**
 * Returns the names of one secret. The secret is copied.
 *
 * @throws ArgumentError when the secret is not a Uint8Array of 32 bytes or more.
 */
export function keyedNames(secret: StoreSecret): KeyedNames {
  const problem = storeSecretCheck(secret)
  if (problem !== undefined) throw new ArgumentError(`\`secret\` ${problem}`)
  const key = new Uint8Array(secret)
  const hash = (kind: NameKind, text: string): Buffer =>
    createHmac('sha256', key).update(`${kind}\0${text}`).digest().subarray(0, nameBytes)
  return Object.freeze({
    bytes: (kind: NameKind, text: string) => new Uint8Array(hash(kind, text)),
    hex: (kind: NameKind, text: string) => hash(kind, text).toString('hex'),
    fingerprint: hash('secret', '').toString('hex'),
  })
}
