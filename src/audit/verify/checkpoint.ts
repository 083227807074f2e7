/**
 * A signed statement that the log reached a record. Kept in a second place it shows what a chain of hashes cannot: that
 * the end of the log was cut off, or the whole log written anew.
 *
 * @module
 */

import { backend as platform } from '#backend'
import type { PublicKey } from '../../did/public-key.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { decodeBase64url, decodeHex, encodeBase64url } from '../../ipld/base.ts'
import { encodeCbor } from '../../ipld/encode.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import { verifySignature } from '../../principal/signature.ts'
import type { Signer } from '../../principal/signer.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  abortSignal,
  arrayOf,
  maybe,
  nonEmptyString,
  objectValue,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { positionCheck, timeCheck } from '../configuration.ts'
import type { LogPosition } from '../events/record.ts'

/** A signed place in a named log. */
export interface Checkpoint extends LogPosition {
  /** Name of the log: a checkpoint of one log says nothing of another. */
  readonly log: string
  /** When it was signed. */
  readonly time: Timestamp
  /** DID of the signer. */
  readonly signer: string
  /** Over all of this, in base64url. */
  readonly signature: string
}

/** Options of {@link signCheckpoint}. */
export interface SignCheckpointOptions {
  /** Whose key vouches for the log. Best one that the process which writes the log can use but not read. */
  readonly signer: Signer
  /** Name of the log. */
  readonly log: string
  /** The record that was reached. */
  readonly position: LogPosition
  readonly time: Timestamp
  readonly signal?: AbortSignal | undefined
}

/**
 * Signs that the log reached a record. Rejects when the signer does.
 *
 * @throws ArgumentError when an option is missing or not of its type.
 */
export async function signCheckpoint(options: SignCheckpointOptions): Promise<Checkpoint> {
  readOptions('signCheckpoint', options, {
    signer: withMethod('sign'),
    log: nonEmptyString,
    position: positionCheck,
    time: timeCheck,
    signal: maybe(abortSignal),
  })
  const { signer, log, position, time, signal } = options
  const statement = { log, sequence: position.sequence, hash: position.hash, time, signer: signer.did }
  const ask = { signal }
  const signature = await unlessAborted(() => signer.sign(signedBytes(statement), ask), signal)
  return Object.freeze({ ...statement, signature: encodeBase64url(signature) })
}

/** Options of {@link verifyCheckpoint}. */
export interface VerifyCheckpointOptions {
  /** The keys that may sign checkpoints of this log, each with the DID that checkpoints name. */
  readonly signers: readonly CheckpointSigner[]
  /** Default: the platform's. */
  readonly backend?: CryptoBackend
}

/** A key that is trusted to sign checkpoints. */
export interface CheckpointSigner {
  /** The DID that the checkpoint names, for example the `did:web` of a service. */
  readonly did: string
  /** Its key; for a `did:key` the one that `parseDidKey` reads out of it. */
  readonly key: PublicKey
}

/**
 * Whether a checkpoint was signed by one of the given keys. False for one that is not of the form, too.
 *
 * @throws ArgumentError when `signers` are none.
 */
export async function verifyCheckpoint(checkpoint: Checkpoint, options: VerifyCheckpointOptions): Promise<boolean> {
  readOptions('verifyCheckpoint', options, { signers: arrayOf(objectValue), backend: maybe(withMethod('sha256')) })
  const { signers, backend = platform } = options
  if (!isCheckpoint({ ...checkpoint })) return false
  try {
    const bytes = signedBytes(checkpoint)
    const signature = decodeBase64url(checkpoint.signature, 64)
    for (const { did, key } of signers) {
      if (did !== checkpoint.signer) continue
      if (await verifySignature(backend, key, await backend.prepareKey(key), signature, bytes)) return true
    }
    return false
  } catch (cause) {
    if (cause instanceof MalformedError || cause instanceof ArgumentError) return false
    throw cause
  }
}

/**
 * What is signed. It is a list that begins with what it is, and so can be taken for no token: the signed part of a UCAN
 * is a map. LOG-07
 */
function signedBytes({ log, sequence, hash, time, signer }: Omit<Checkpoint, 'signature'>): Uint8Array {
  return encodeCbor(['procura/audit-checkpoint@1', { log, sequence, hash: decodeHex(hash, 32), time, signer }])
}

/** Whether each part is of its kind: one that was read in a log can be anything. */
function isCheckpoint({ log, sequence, hash, time, signer, signature }: Partial<Record<string, unknown>>): boolean {
  return (
    [log, hash, signer, signature].every((part) => typeof part === 'string') &&
    [sequence, time].every((part) => Number.isFinite(part))
  )
}
