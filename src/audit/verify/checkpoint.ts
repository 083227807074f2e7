/**
 * A signed statement that the log reached a record. Kept in a second place, it detects two faults that a chain of
 * hashes cannot: the end of the log was cut off, or the whole log was rewritten.
 *
 * @module
 */

import { backend as platform } from '#backend'
import { didKeyFrom } from '../../core/did/did-key.ts'
import type { PublicKey, SignatureAlgorithm } from '../../core/did/public-key.ts'
import { decodeBase64url, encodeBase64url } from '../../core/ipld/base.ts'
import { encodeCbor } from '../../core/ipld/encode.ts'
import { decodeHex } from '../../core/ipld/hex.ts'
import type { CryptoBackend } from '../../core/principal/backend/backend.ts'
import { verifySignature } from '../../core/principal/signature.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  abortSignal,
  arrayOf,
  nonEmptyString,
  type OptionCheck,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { positionCheck, timeCheck } from '../configuration.ts'
import type { LogPosition } from '../events/record.ts'

/** A signed position in a named log. */
export interface Checkpoint extends LogPosition {
  /** Name of the log. A checkpoint is valid for this log alone. */
  readonly log: string
  /** Time of the signature. */
  readonly time: Timestamp
  /** DID of the signer. */
  readonly signer: string
  /** Signature of all other fields, in base64url. */
  readonly signature: string
}

/** Options of {@link signCheckpoint}. */
export interface SignCheckpointOptions {
  /** The signer. Prefer a key that the writer of the log can use but not read. */
  readonly signer: Signer
  /** Name of the log. */
  readonly log: string
  /** The record that was reached. */
  readonly position: LogPosition
  readonly time: Timestamp
  readonly signal?: AbortSignal | undefined
}

/**
 * Signs a statement that the log reached a record. Rejects with the error of the signer.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export async function signCheckpoint(options: SignCheckpointOptions): Promise<Checkpoint> {
  const { signer, log, position, time, signal } = readOptions('signCheckpoint', options, {
    signer: withMethod('sign'),
    log: nonEmptyString,
    position: positionCheck,
    time: timeCheck,
    signal: abortSignal,
  })
  const statement = { log, sequence: position.sequence, hash: position.hash, time, signer: signer.did }
  const signature = await unlessAborted(() => signer.sign(signedBytes(statement), { signal }), signal)
  return Object.freeze({ ...statement, signature: encodeBase64url(signature) })
}

/** Options of {@link verifyCheckpoint}. */
export interface VerifyCheckpointOptions {
  /** The trusted keys, each with the DID that checkpoints contain. */
  readonly signers: readonly CheckpointSigner[]
  /** Default: the platform's. */
  readonly backend?: CryptoBackend
}

/** A key that is trusted to sign checkpoints. */
export interface CheckpointSigner {
  /** The `signer` of the checkpoint, for example the `did:web` of a service. */
  readonly did: string
  /** Its key; for a `did:key` the result of `parseDidKey`. */
  readonly key: PublicKey
}

/** A {@link CheckpointSigner}. */
export const signerCheck: OptionCheck = (value) => {
  const { did, key } = Object(value) as Partial<Record<keyof CheckpointSigner, unknown>>
  return nonEmptyString(did) === undefined && isKey(key)
    ? undefined
    : 'must be `{ did, key }`; the key of a `did:key` is the result of `parseDidKey`'
}

function isKey(key: unknown): boolean {
  const { algorithm, bytes } = Object(key) as Partial<PublicKey>
  try {
    didKeyFrom(algorithm as SignatureAlgorithm, bytes as Uint8Array)
    return true
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof MalformedError) return false
    throw error
  }
}

/**
 * Returns whether a checkpoint was signed by one of the given keys; false for a malformed one.
 *
 * @throws ArgumentError when `signers` is missing or invalid.
 */
export async function verifyCheckpoint(checkpoint: Checkpoint, options: VerifyCheckpointOptions): Promise<boolean> {
  const { signers, backend } = readOptions('verifyCheckpoint', options, {
    signers: arrayOf(signerCheck),
    backend: withDefault(withMethod('sha256'), platform),
  })
  return isSigned(checkpoint, signers, backend)
}

/** The same with options that were read. */
export async function isSigned(
  checkpoint: Checkpoint,
  signers: readonly CheckpointSigner[],
  backend: CryptoBackend,
): Promise<boolean> {
  // Read once: the checked fields are the verified ones.
  const given = { ...checkpoint }
  if (!isCheckpoint(given)) return false
  try {
    const bytes = signedBytes(given)
    const signature = decodeBase64url(given.signature, 64)
    for (const { did, key } of signers) {
      if (did !== given.signer) continue
      if (await verifySignature(backend, key, await backend.prepareKey(key), signature, bytes)) return true
    }
    return false
  } catch (cause) {
    if (cause instanceof MalformedError || cause instanceof ArgumentError) return false
    throw cause
  }
}

/**
 * The signed bytes. They are a list that begins with its type, and so cannot be those of a token: the signed part of a
 * UCAN is a map. LOG-07
 */
function signedBytes({ log, sequence, hash, time, signer }: Omit<Checkpoint, 'signature'>): Uint8Array {
  return encodeCbor(['procura/audit-checkpoint@1', { log, sequence, hash: decodeHex(hash, 32), time, signer }])
}

/** Whether each field is of its type: a checkpoint from a log can have any value there. */
function isCheckpoint({ log, sequence, hash, time, signer, signature }: Partial<Record<string, unknown>>): boolean {
  return (
    [log, hash, signer, signature].every((part) => typeof part === 'string') &&
    [sequence, time].every((part) => Number.isFinite(part))
  )
}
