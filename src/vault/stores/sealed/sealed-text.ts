import { decodeBase64url, encodeBase64url } from '../../../core/ipld/base.ts'
import { concatBytes } from '../../../core/ipld/bytes.ts'
import { encodeHex } from '../../../core/ipld/hex.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { equalInConstantTime, sha256Bytes } from '../../../support/digest.ts'
import { safeCause } from '../../../support/vault-failure.ts'
import type { Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import { type HpkeKeyPair, open, publicKeyOf, type SealedMessage, seal } from './hpke.ts'

/** The prefix of every sealed text. */
const prefix = 'procura-sealed.1.'
/** The longest sealed text that is read, in characters. */
const maxText = 32_768
/** Length in bytes of the hash that identifies a key. */
const keyIdLength = 8
/** Contents are padded to a multiple of this length in bytes, so that the length of the secret is not exact. */
const block = 128

/** The contents of a sealed text. */
export interface SealedContents {
  /** The rules as text. */
  readonly rules: string
  readonly secret: Secret
  readonly expiration: Timestamp | undefined
  /** A name for this version of the credential: a hash of the text. */
  readonly version: string
}

/** Whether a string has the form of a sealed text. Its contents are not checked. */
export function isSealed(text: string): boolean {
  return text.length <= maxText && text.startsWith(prefix)
}

/**
 * Seals rules and a secret to a public key.
 *
 * @throws ArgumentError when the public key is invalid, or the credential is too long.
 */
export async function sealContents(
  publicKey: Uint8Array,
  contents: { readonly rules: string; readonly secret: Secret; readonly expiration: Timestamp | undefined },
): Promise<string> {
  const { rules, expiration } = contents
  const secret = encodeBase64url(contents.secret.revealBytes())
  const json = JSON.stringify({ rules, ...(expiration !== undefined && { expiration }), secret })
  const plain = padded(json)
  const keyId = await keyIdOf(publicKey)
  const { encapsulated, ciphertext } = await sealTo(publicKey, plain, keyId)
  const text = prefix + encodeBase64url(concatBytes([keyId, encapsulated, ciphertext]))
  if (!isSealed(text))
    throw new ArgumentError(
      `sealCredential: the credential is too long; the sealed text would have ${text.length} characters, more than ${maxText}`,
    )
  return text
}

/** Encodes JSON, and pads it with white space, which has no meaning there. */
function padded(json: string): Uint8Array {
  const bytes = new TextEncoder().encode(json)
  const whole = new Uint8Array(Math.ceil(bytes.length / block) * block).fill(0x20)
  whole.set(bytes)
  bytes.fill(0)
  return whole
}

/** Encrypts bytes, and overwrites them. */
async function sealTo(publicKey: Uint8Array, plain: Uint8Array, keyId: Uint8Array): Promise<SealedMessage> {
  try {
    return await seal(publicKey, plain, contextOf(keyId))
  } catch (cause) {
    if (cause instanceof ArgumentError) throw cause
    const message = 'sealCredential: `publicKey` is not a valid X25519 key; make a key pair with generateSealingKey'
    throw new ArgumentError(message, { cause: safeCause(cause) })
  } finally {
    plain.fill(0)
  }
}

/**
 * Opens a sealed text with the private key to which it was sealed.
 *
 * @throws VaultError `ERR_VAULT_INTEGRITY` when the text was changed, or sealed to another key.
 */
export async function openSealed(privateKeys: readonly Secret[], text: string): Promise<SealedContents> {
  let bytes: Uint8Array
  try {
    bytes = decodeBase64url(text.slice(prefix.length))
  } catch {
    throw damaged()
  }
  const keyId = bytes.subarray(0, keyIdLength)
  for (const secret of privateKeys) {
    const privateKey = secret.revealBytes()
    try {
      const publicKey = await publicKeyOf(privateKey)
      if (equalInConstantTime(await keyIdOf(publicKey), keyId))
        return await openWith({ publicKey, privateKey }, keyId, bytes)
    } finally {
      privateKey.fill(0)
    }
  }
  throw damaged()
}

async function openWith(pair: HpkeKeyPair, keyId: Uint8Array, bytes: Uint8Array): Promise<SealedContents> {
  let plain: Uint8Array
  try {
    const sealed = {
      encapsulated: bytes.slice(keyIdLength, keyIdLength + 32),
      ciphertext: bytes.slice(keyIdLength + 32),
    }
    // VLT-27: A changed text is not decrypted.
    plain = await open(pair, sealed, contextOf(keyId))
  } catch (cause) {
    if (cause instanceof ArgumentError) throw cause
    throw damaged()
  }
  const fields = fieldsOf(plain)
  plain.fill(0)
  const rules = fields.get('rules')
  const secret = fields.get('secret')
  const expiration = fields.get('expiration')
  if (typeof rules !== 'string' || typeof secret !== 'string') throw damaged()
  if (expiration !== undefined && (typeof expiration !== 'number' || !Number.isSafeInteger(expiration))) throw damaged()
  const version = encodeHex((await sha256Bytes(bytes)).subarray(0, 8))
  return { rules, secret: secretOf(secret), expiration, version }
}

/** Reads the secret. Anybody with the public key can have sealed anything, so it may be malformed. */
function secretOf(text: string): Secret {
  try {
    return new Secret(decodeBase64url(text))
  } catch {
    throw damaged()
  }
}

function fieldsOf(plain: Uint8Array): ReadonlyMap<string, unknown> {
  try {
    return new Map<string, unknown>(Object.entries(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain))))
  } catch {
    throw damaged()
  }
}

function contextOf(keyId: Uint8Array): { readonly info: Uint8Array; readonly aad: Uint8Array } {
  return { info: new TextEncoder().encode('procura-sealed@1'), aad: keyId }
}

async function keyIdOf(publicKey: Uint8Array): Promise<Uint8Array> {
  return (await sha256Bytes(publicKey)).slice(0, keyIdLength)
}

function damaged(): VaultError {
  return new VaultError(
    'ERR_VAULT_INTEGRITY',
    'the sealed text was changed, or sealed to another key; check `privateKeys`',
  )
}
