// node only: uses node:crypto
import { createSecretKey, hkdfSync, type KeyObject, randomBytes, scrypt } from 'node:crypto'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { nonEmptyString, type OptionCheck, objectValue, readOptions } from '../../../support/options.ts'
import { createPrivateFile, readPrivateFile, unusablePlace } from '../../../support/private-file.ts'
import { vaultFailure } from '../../../support/vault-failure.ts'
import { Secret } from '../../secret.ts'

/** The key of a credential file: a passphrase, a file of 32 bytes, or 32 bytes. */
export type FileKey =
  | { readonly passphrase: string | Secret }
  | { readonly keyFile: string }
  | { readonly bytes: Uint8Array }

/** How keys are derived. It is stored unencrypted at the beginning of the file. */
export interface KeyDerivation {
  /** `scrypt` for a passphrase, `hkdf` for 32 random bytes. */
  readonly kind: 'scrypt' | 'hkdf'
  readonly salt: Uint8Array
  /** The cost of scrypt, a power of two; 0 with `hkdf`. */
  readonly cost: number
}

/** The keys of one file. */
export interface FileKeys {
  readonly derivation: KeyDerivation
  /** AES-256-GCM, for the records. */
  readonly records: KeyObject
  /** HMAC-SHA-256, for the whole file. */
  readonly whole: KeyObject
}

/** The parameter N of scrypt in a new file, unless its options name another one. */
export const defaultScryptCost = 131_072

/** Limits for the cost of scrypt: below, guessing is too cheap; above, a changed file could take all memory. */
const leastCost = 16_384
const greatestCost = 1_048_576

/**
 * Refuses an invalid key before it is used. The platform's own message about a string in the place of an object shows
 * the string, and a string in the place of bytes would become a key of zeros.
 *
 * @throws ArgumentError when it has another form.
 */
function checkKey(key: FileKey): void {
  const fault = keyCheck(key)
  if (fault !== undefined) throw new ArgumentError(`\`key\` ${fault}`)
}

/**
 * The key for later use, with a copy of its bytes: the caller may overwrite them, and the file would be encrypted with
 * zeros.
 *
 * @throws ArgumentError when it has another form.
 */
export function ownKey(key: FileKey): FileKey {
  checkKey(key)
  const { passphrase, keyFile, bytes } = key as {
    readonly passphrase?: string | Secret
    readonly keyFile: string
    readonly bytes?: Uint8Array
  }
  if (bytes !== undefined) return { bytes: new Uint8Array(bytes) }
  return passphrase === undefined ? { keyFile } : { passphrase }
}

/** Options that are used later, with {@link ownKey}. An invalid key is left to the function that opens the file. */
export function withOwnKey<Options extends { readonly key?: FileKey | undefined }>(options: Options): Options {
  const { key } = options
  // A spread would leave out inherited options, and with them the misspelt ones.
  return key === undefined || keyCheck(key) !== undefined
    ? options
    : (Object.create(options, { key: { value: ownKey(key), enumerable: true } }) as Options)
}

/** Exactly one of the forms of a key: of two, the wrong one could be used. */
export const keyCheck: OptionCheck = (key) => {
  const given = (objectValue(key) === undefined ? key : {}) as { readonly [name: string]: unknown }
  const { passphrase, keyFile, bytes } = given
  const forms = [
    [passphrase, typeof passphrase === 'string' || Secret.is(passphrase)],
    [keyFile, typeof keyFile === 'string' && keyFile !== ''],
    [bytes, bytes instanceof Uint8Array],
  ].filter(([value]) => value !== undefined)
  const isKnown = Object.keys(given).every((name) => ['passphrase', 'keyFile', 'bytes'].includes(name))
  return isKnown && forms.length === 1 && forms[0]?.[1] === true
    ? undefined
    : 'must be one of `{ passphrase }`, `{ keyFile }` with its path, or `{ bytes }` with a Uint8Array'
}

/**
 * Chooses how the keys of a new file are derived.
 *
 * @throws ArgumentError when the passphrase is too short, or the cost is invalid.
 */
export function newDerivation(key: FileKey, cost: number): KeyDerivation {
  checkKey(key)
  // A shorter one for a file that exists is a wrong one, and fails like any other.
  if ('passphrase' in key) {
    const bytes = bytesOf(key.passphrase)
    bytes.fill(0)
    if (bytes.length < 8) throw new ArgumentError('`passphrase` must have at least 8 bytes')
  }
  const kind = 'passphrase' in key ? 'scrypt' : 'hkdf'
  const derivation = { kind, salt: Uint8Array.from(randomBytes(32)), cost: kind === 'scrypt' ? cost : 0 } as const
  if (!isAcceptable(derivation)) {
    throw new ArgumentError(`\`scryptCost\` must be a power of two, from ${leastCost} to ${greatestCost}`)
  }
  return derivation
}

/** Whether this version could have made a derivation that was read from a file. */
export function isAcceptable({ kind, salt, cost }: KeyDerivation): boolean {
  if (salt.length !== 32) return false
  if (kind === 'hkdf') return cost === 0
  return Number.isInteger(Math.log2(cost)) && cost >= leastCost && cost <= greatestCost
}

/** The kind of file that keys are derived for. Files of two kinds never have a key in common. */
export interface FilePurpose {
  /** Names the purpose in the derivation. */
  readonly label: string
  /** Names the file in messages. */
  readonly file: string
}

/** The purpose of the keys of a vault. */
const vaultFiles: FilePurpose = Object.freeze({ label: 'procura-vault@1', file: 'credential file' })

/**
 * Derives the keys of a file.
 *
 * @param timeoutMs - milliseconds within which a key file must be read.
 * @param purpose - the kind of file. Default: credential files.
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when the key file cannot be used, or the kind of the key is not the
 *   one of the file; ArgumentError when the bytes have the wrong length.
 */
export async function deriveKeys(
  key: FileKey,
  derivation: KeyDerivation,
  timeoutMs: number,
  purpose: FilePurpose = vaultFiles,
): Promise<FileKeys> {
  checkKey(key)
  if (('passphrase' in key ? 'scrypt' : 'hkdf') !== derivation.kind) {
    const kind = derivation.kind === 'scrypt' ? '`passphrase`' : '`keyFile` or `bytes`'
    throw new VaultError('ERR_VAULT_CONFIGURATION', `the ${purpose.file} needs another kind of key; pass ${kind}`)
  }
  const input = await keyBytes(key, timeoutMs)
  const master = derivation.kind === 'scrypt' ? await stretch(input, derivation) : input
  const expand = (use: string): KeyObject =>
    createSecretKey(new Uint8Array(hkdfSync('sha256', master, derivation.salt, `${purpose.label} ${use}`, 32)))
  const keys = { derivation, records: expand('records'), whole: expand('whole') }
  input.fill(0)
  master.fill(0)
  return keys
}

/**
 * Writes a new key file: 32 random bytes that only the user of this process may read.
 *
 * @throws VaultError `ERR_VAULT_CONFIGURATION` when the file exists already or cannot be made; ArgumentError when
 *   `path` is not a string.
 */
export async function createKeyFile(path: string): Promise<void> {
  readOptions('createKeyFile', { path }, { path: nonEmptyString })
  try {
    await createPrivateFile(path, Uint8Array.from(randomBytes(32)))
  } catch (cause) {
    throw unusablePlace(path, cause)
  }
}

async function keyBytes(key: FileKey, timeoutMs: number): Promise<Uint8Array> {
  if ('passphrase' in key) {
    return bytesOf(key.passphrase)
  }
  if ('bytes' in key) {
    if (key.bytes.length !== 32) throw new ArgumentError(keyLength)
    return Uint8Array.from(key.bytes)
  }
  const bytes = await readKeyFile(key.keyFile, timeoutMs)
  if (bytes.length !== 32) throw new VaultError('ERR_VAULT_CONFIGURATION', keyLength)
  return bytes
}

function bytesOf(passphrase: string | Secret): Uint8Array {
  return Secret.is(passphrase) ? passphrase.revealBytes() : new TextEncoder().encode(passphrase)
}

/**
 * The message about a file that its key does not open. Nothing distinguishes another key from a changed file.
 *
 * @param file - names the file, with its path if known.
 */
export function wrongKey(file: string): string {
  return `the key or passphrase is not the one of ${file}, or the file was changed; use the one that it was made with, or restore the file from a backup`
}

const keyLength = 'the key must have 32 bytes; make one with createKeyFile or `procura vault new-key`'

async function readKeyFile(path: string, timeoutMs: number): Promise<Uint8Array> {
  const file = await readPrivateFile(path, { timeoutMs }).catch((cause: unknown) => {
    if (cause instanceof VaultError && cause.code === 'ERR_VAULT_CONFIGURATION') throw cause
    throw vaultFailure(
      'ERR_VAULT_CONFIGURATION',
      'the key file (`keyFile`) cannot be read; make it readable for this process, and for nobody else',
      // The path is not shown: it may be the key itself, passed in the wrong place.
      cause instanceof VaultError ? cause.cause : cause,
    )
  })
  if (file === undefined || file === 'unchanged') {
    throw new VaultError(
      'ERR_VAULT_CONFIGURATION',
      'the key file (`keyFile`) does not exist; make one with createKeyFile or `procura vault new-key`',
    )
  }
  return file.bytes
}

function stretch(passphrase: Uint8Array, { salt, cost }: KeyDerivation): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // Scrypt needs 128 * N * r bytes.
    const options = { N: cost, r: 8, p: 1, maxmem: 128 * cost * 8 + 1_048_576 }
    scrypt(passphrase, salt, 32, options, (error, derived) => {
      if (error === null) resolve(Uint8Array.from(derived))
      else reject(error)
    })
  })
}
