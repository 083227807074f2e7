// node only: uses node:crypto
import type { Did } from '../../core/did/did.ts'
import type { Jwk } from '../../core/did/jwk.ts'
import type { SignatureAlgorithm } from '../../core/did/public-key.ts'
import { VaultError } from '../../errors.ts'
import {
  arrayOf,
  integerFrom,
  nonEmptyArrayOf,
  nonEmptyString,
  objectValue,
  oneOfStrings,
  readOptions,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { Timestamp } from '../../time.ts'
import { type FileKeys, type KeyDerivation, wrongKey } from '../../vault/stores/file/key.ts'
import { openBox, readBox, type SealedFields, sealBox } from '../../vault/stores/file/sealed-box.ts'

const fileFormat = 'procura-signer@1'

/** The maximum length of a file, in bytes: enough for 16 keys. */
const maxFileBytes = 65_536

/** The public part of a key in a file. */
export interface PublicEntry {
  /** The DID that the key signs for. */
  readonly did: Did
  readonly algorithm: SignatureAlgorithm
  /** The second in which the key was made. */
  readonly created: Timestamp
}

/** A key with its private part. */
export interface PrivateEntry extends PublicEntry {
  readonly jwk: Jwk
}

/** A file before its private keys are decrypted. */
export interface SealedFile {
  /** The keys, the current one first. They are not authenticated before the file is opened. */
  readonly keys: readonly PublicEntry[]
  /** How the key that encrypts the file is derived; undefined for a file that is not encrypted. */
  readonly derivation: KeyDerivation | undefined
  /** The private keys: the list itself, or encrypted. */
  readonly secret: readonly Jwk[] | Uint8Array
}

/** Writes a file: one line of JSON. */
export function encodeSignerFile(entries: readonly PrivateEntry[], keys: FileKeys | undefined): Uint8Array {
  const shown = entries.map(({ did, algorithm, created }) => ({ did, algorithm, created }))
  const jwks = entries.map(({ jwk }) => jwk)
  const rest = keys === undefined ? { jwks } : sealed(jwks, shown, keys)
  return new TextEncoder().encode(`${JSON.stringify({ format: fileFormat, keys: shown, ...rest })}\n`)
}

function sealed(jwks: readonly Jwk[], shown: readonly PublicEntry[], keys: FileKeys): SealedFields {
  const plain = new TextEncoder().encode(JSON.stringify(jwks))
  const fields = sealBox(plain, boundBytes(shown), keys)
  plain.fill(0)
  return fields
}

/**
 * Reads a file. Nothing of it is authenticated yet.
 *
 * @param path - of the file, for messages.
 * @throws VaultError `ERR_VAULT_INTEGRITY` when it is not a signer file, or has fields that this version does not know.
 */
export function decodeSignerFile(bytes: Uint8Array, path: string): SealedFile {
  const damaged = (what: string): VaultError => damagedFile(path, what)
  // SIG-19: an unknown field could restrict the use of the keys.
  const { format, keys, ...rest } = readOptions('the file', jsonOf(bytes, damaged), fileChecks, damaged)
  if (format !== fileFormat) throw damaged(`it does not have the format \`${fileFormat}\``)
  const entries = (keys as readonly unknown[]).map((entry) =>
    readOptions('a key', entry as PublicEntry, entryChecks, damaged),
  )
  const { jwks, encryption, box } = rest as { jwks?: readonly Jwk[]; encryption?: unknown; box?: string }
  if (jwks !== undefined && encryption === undefined && box === undefined && jwks.length === entries.length)
    return { keys: entries, derivation: undefined, secret: jwks }
  if (jwks !== undefined || encryption === undefined || box === undefined) throw damaged('its private keys are missing')
  const { derivation, box: secret } = readBox({ encryption, box }, maxFileBytes, damaged)
  return { keys: entries, derivation, secret }
}

/**
 * Decrypts the private keys of a file.
 *
 * @param path - of the file, for messages.
 * @throws VaultError `ERR_VAULT_INTEGRITY` when the key is another one, or anything in the file was changed.
 */
export function openSecrets({ keys, secret }: SealedFile, fileKeys: FileKeys, path: string): readonly Jwk[] {
  const box = secret as Uint8Array
  let jwks: unknown
  try {
    const plain = openBox({ box }, boundBytes(keys), fileKeys)
    jwks = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain))
    plain.fill(0)
  } catch {
    // SIG-17
    throw new VaultError('ERR_VAULT_INTEGRITY', wrongKey(`the signer file ${quote(path, 256)}`))
  }
  if (!Array.isArray(jwks) || jwks.length !== keys.length)
    throw damagedFile(path, 'its private keys are incomplete; restore it from a backup')
  return jwks
}

const fileChecks = Object.freeze({
  format: nonEmptyString,
  keys: nonEmptyArrayOf(objectValue),
  jwks: (value: unknown) => (value === undefined ? undefined : arrayOf(objectValue)(value)),
  encryption: (value: unknown) => (value === undefined ? undefined : objectValue(value)),
  box: (value: unknown) => (value === undefined ? undefined : nonEmptyString(value)),
})

const entryChecks = Object.freeze({
  did: nonEmptyString,
  algorithm: oneOfStrings('Ed25519', 'ES256', 'ES256K'),
  created: integerFrom(0),
})

function jsonOf(
  bytes: Uint8Array,
  damaged: (what: string) => VaultError,
): { readonly [name in keyof typeof fileChecks]?: unknown } {
  if (bytes.length > maxFileBytes)
    throw damaged(`it is longer than ${maxFileBytes} bytes; pass the path of a key file, or restore it from a backup`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    // The message of the platform could contain a part of a key.
    throw damaged('it is not JSON in UTF-8; pass the path of a key file, or restore it from a backup')
  }
}

/** The associated data of the box: it opens only beside these DIDs, algorithms and times, in this order. */
function boundBytes(keys: readonly PublicEntry[]): Uint8Array {
  const shown = keys.map(({ did, algorithm, created }) => [did, algorithm, created])
  return new TextEncoder().encode(JSON.stringify([fileFormat, shown]))
}

function damagedFile(path: string, what: string): VaultError {
  return new VaultError('ERR_VAULT_INTEGRITY', `the signer file ${quote(path, 256)} cannot be read: ${what}`)
}
