/**
 * Signers whose key is in AWS KMS.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'
import { didOption } from '../../core/did/did-option.ts'
import type { PublicKey } from '../../core/did/public-key.ts'
import { decodeBase64, encodeBase64 } from '../../core/ipld/base.ts'
import { remoteSigner } from '../../core/principal/remote-signer.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { SigningError } from '../../errors.ts'
import { sha256Bytes } from '../../support/digest.ts'
import {
  didString,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import type { Clock } from '../../time.ts'
import { hostChecks } from '../../vault/configuration.ts'
import { type AwsOptions, awsChecks, awsClient } from '../../vault/stores/aws/client.ts'
import { publicKeyFromSpki } from '../spki.ts'
import { rawSignature } from './der-signature.ts'
import { type AskKms, kmsRequests } from './kms-requests.ts'

/** Options of {@link awsKmsSigner}. */
export interface AwsKmsSignerOptions extends AwsOptions {
  /** The id, the ARN or the alias (`alias/name`) of the key. */
  readonly keyId: string
  /** The DID that the key signs for. Default: its `did:key`. A `did:key` of another key is refused. */
  readonly did?: Did
  /** Milliseconds for a request with all its attempts. Default 10,000. */
  readonly timeoutMs?: number
  /** Attempts of a request that is throttled, or that the service cannot answer now. Default 3. */
  readonly attempts?: number
  /** Default: the clock of the platform. */
  readonly clock?: Clock
  /** Default: the `fetch` of the platform. */
  readonly fetch?: typeof fetch
}

/**
 * Makes a signer whose key is in AWS KMS: a key with the usage `SIGN_VERIFY` and the specification
 * `ECC_NIST_EDWARDS25519`, `ECC_NIST_P256` or `ECC_SECG_P256K1`. The access keys need the permissions
 * `kms:GetPublicKey`, which is used once, and `kms:Sign`. KMS signs at most 4,096 bytes with Ed25519; with the other
 * keys a longer token is hashed here.
 *
 * @throws ArgumentError when an option is invalid; SigningError when KMS cannot be reached in time or refuses, or the
 *   key cannot sign tokens.
 *
 * @example
 * ```ts
 * import { awsKmsSigner } from 'procura/signer/aws-kms'
 *
 * const owner = await awsKmsSigner({
 *   region: 'eu-central-1',
 *   keyId: 'alias/mail-owner',
 *   keys: {
 *     accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
 *     secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
 *   },
 * })
 * ```
 */
export async function awsKmsSigner(options: AwsKmsSignerOptions): Promise<Signer> {
  const of = 'awsKmsSigner'
  const { keyId, clock, fetch, timeoutMs, attempts, ...given } = readOptions(of, options, {
    ...awsChecks,
    ...hostChecks,
    keyId: nonEmptyString,
    did: maybe(didString),
    timeoutMs: withDefault(milliseconds, 10_000),
    attempts: withDefault(integerFrom(1, 10), 3),
  })
  const did = given.did === undefined ? undefined : didOption('did', given.did)
  const client = awsClient(of, 'kms', given, { clock, fetch })
  const ask = kmsRequests(client, { timeoutMs, attempts })
  const key = await readPublicKey(ask, keyId)
  return remoteSigner({
    did: did ?? key.did,
    key,
    ...(key.algorithm === 'Ed25519' && { maxMessageBytes: maxRawBytes }),
    sign: (bytes, { signal }) => sign(ask, keyId, key, bytes, signal),
  })
}

/** Most bytes that KMS hashes itself. */
const maxRawBytes = 4_096

async function readPublicKey(ask: AskKms, keyId: string): Promise<PublicKey> {
  const fields = await ask('GetPublicKey', { KeyId: keyId }, undefined)
  if (fields.get('KeyUsage') !== 'SIGN_VERIFY')
    throw new SigningError('the key in aws kms cannot sign; create one with the usage SIGN_VERIFY')
  const key = publicKeyFromSpki(bytesOf(fields, 'PublicKey'))
  if (key !== undefined) return key
  throw new SigningError(
    'the key in aws kms cannot sign tokens; create one with the specification ECC_NIST_EDWARDS25519, ECC_NIST_P256 or ECC_SECG_P256K1',
  )
}

async function sign(
  ask: AskKms,
  keyId: string,
  { algorithm }: PublicKey,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const isRaw = bytes.length <= maxRawBytes
  const fields = await ask(
    'Sign',
    {
      KeyId: keyId,
      Message: encodeBase64(isRaw ? bytes : await sha256Bytes(bytes)),
      MessageType: isRaw ? 'RAW' : 'DIGEST',
      // ED25519_PH_SHA_512 is another algorithm, whose signatures no verifier of tokens accepts.
      SigningAlgorithm: algorithm === 'Ed25519' ? 'ED25519_SHA_512' : 'ECDSA_SHA_256',
    },
    signal,
  )
  const signature = bytesOf(fields, 'Signature')
  if (algorithm === 'Ed25519') return signature
  const raw = rawSignature(signature)
  if (raw === undefined) throw new SigningError('aws kms returned a malformed signature')
  return raw
}

function bytesOf(fields: ReadonlyMap<string, unknown>, name: 'PublicKey' | 'Signature'): Uint8Array {
  const text = fields.get(name)
  try {
    if (typeof text === 'string') return decodeBase64(text, 16_384)
  } catch {
    // The message of the decoder quotes the response.
  }
  throw new SigningError(`aws kms returned no valid \`${name}\``)
}
