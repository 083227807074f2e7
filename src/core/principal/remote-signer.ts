/**
 * Makes a principal whose private key is elsewhere: in a key management service, a hardware module or an agent process.
 *
 * @module
 */

import { ArgumentError, ProcuraError, SigningError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import {
  anything,
  callback,
  integerFrom,
  maybe,
  type OptionCheck,
  type OptionChecks,
  readOptions,
} from '../../support/options.ts'
import { type Did, didMethod } from '../did/did.ts'
import { didKeyFrom, parseDidKey, publicKey } from '../did/did-key.ts'
import { didOption } from '../did/did-option.ts'
import type { PublicKey } from '../did/public-key.ts'
import { checkedSignature } from './checked-signature.ts'
import { createSigner, type Signer } from './signer.ts'
import { signingDid } from './signing-did.ts'

/** Options of {@link remoteSigner}. */
export interface RemoteSignerOptions {
  /** The DID that the key signs for. */
  readonly did: Did
  /** The public key of that principal. Required unless the DID is a `did:key`. */
  readonly key?: PublicKey
  /**
   * Returns the raw signature of the bytes, 64 bytes long; for ECDSA `r || s` over SHA-256, with either s. Throws or
   * rejects when the key cannot sign: a SigningError is passed on, another error becomes its cause. The result is
   * verified.
   */
  sign(bytes: Uint8Array, options: { readonly signal?: AbortSignal | undefined }): Uint8Array | Promise<Uint8Array>
  /** Most bytes of a message that the remote key signs; for AWS KMS 4,096. Default: no limit. */
  readonly maxMessageBytes?: number
}

/**
 * Makes a signer from a function that signs elsewhere. Its `sign` rejects with a SigningError when the message is
 * longer than `maxMessageBytes`, when the function fails, and when its result is not a valid signature of the key.
 *
 * @throws ArgumentError when the public key is unknown, or an option is missing or invalid.
 */
export function remoteSigner(options: RemoteSignerOptions): Signer {
  const given = readOptions('remoteSigner', options, optionChecks)
  const { maxMessageBytes } = given
  const named = didOption('did', given.did)
  const remote = given.sign.bind(options)
  const key = given.key === undefined ? keyOf(named) : publicKey(given.key.algorithm, given.key.bytes)
  const did = signingDid(named, key)
  return createSigner({
    did,
    algorithm: key.algorithm,
    publicKey: key.bytes,
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    sign: async (bytes, { signal } = {}) => {
      if (maxMessageBytes !== undefined && bytes.length > maxMessageBytes) {
        throw new SigningError(
          `the message has ${bytes.length} bytes, but this signer signs at most ${maxMessageBytes}`,
        )
      }
      const ask = (): Promise<Uint8Array> => answer(() => remote(new Uint8Array(bytes), { signal }))
      // SIG-20
      return checkedSignature(key, await unlessAborted(ask, signal), bytes)
    },
  })
}

/** Checks that a value is a public key whose `did` belongs to its bytes. */
const keyCheck: OptionCheck = (value) => {
  const { algorithm, bytes, did } = (value ?? {}) as Partial<PublicKey>
  try {
    if (algorithm !== undefined && bytes !== undefined && didKeyFrom(algorithm, bytes) === did) return undefined
  } catch (error) {
    if (!(error instanceof ProcuraError)) throw error
  }
  return 'must be a public key, as parseDidKey returns it'
}

const optionChecks: OptionChecks<RemoteSignerOptions> = Object.freeze({
  did: anything,
  key: maybe(keyCheck),
  sign: callback,
  maxMessageBytes: maybe(integerFrom(1)),
})

function keyOf(did: Did): PublicKey {
  if (didMethod(did) === 'key') return parseDidKey(did)
  throw new ArgumentError('remoteSigner: `key` is required when `did` is not a did:key')
}

async function answer(sign: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await sign()
  } catch (cause) {
    if (cause instanceof SigningError) throw cause
    throw new SigningError('the remote signer failed', { cause })
  }
}
