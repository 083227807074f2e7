// node only: keeps private keys in a file
/**
 * A file with the private key of a principal: the one place of a key that outlives the process.
 *
 * @module
 */

import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { type Did, parseDid } from '../../core/did/did.ts'
import { didOption } from '../../core/did/did-option.ts'
import type { Jwk } from '../../core/did/jwk.ts'
import { checkAlgorithm } from '../../core/did/multikey.ts'
import type { SignatureAlgorithm } from '../../core/did/public-key.ts'
import { importSigner } from '../../core/principal/import-signer.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { VaultError } from '../../errors.ts'
import { createFileLock } from '../../support/file-lock/file-lock.ts'
import { withFileLock } from '../../support/file-lock/with-file-lock.ts'
import {
  anything,
  didString,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { createPrivateFile, readPrivateFile, replacePrivateFile, unusablePlace } from '../../support/private-file.ts'
import { quote } from '../../support/quote.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import {
  defaultScryptCost,
  deriveKeys,
  type FileKey,
  type FileKeys,
  type FilePurpose,
  keyCheck,
  newDerivation,
  ownKey,
} from '../../vault/stores/file/key.ts'
import { decodeSignerFile, encodeSignerFile, openSecrets, type PrivateEntry, type SealedFile } from './format.ts'

/** Options of {@link openSignerFile}. */
export interface SignerFileOptions {
  /** The path of the file. */
  readonly path: string
  /**
   * The key that encrypts the file: a passphrase, a key file, or 32 bytes. Default: none; the file is not encrypted.
   */
  readonly key?: FileKey
}

/** Options of {@link createSignerFile}. */
export interface CreateSignerFileOptions extends SignerFileOptions {
  /** The algorithm of the key. Default `Ed25519`. */
  readonly algorithm?: SignatureAlgorithm
  /** The DID that the key signs for. Default: its `did:key`. For a `did:web`, the document must list the key. */
  readonly did?: Did
  /** Default: the system clock. */
  readonly clock?: Clock
  /** The parameter N of scrypt for a passphrase, with r = 8 and p = 1. Default 131,072. */
  readonly scryptCost?: number
}

/** Options of {@link rotateSignerFile}. */
export interface RotateSignerFileOptions extends SignerFileOptions {
  /** The number of previous keys that the file keeps, from 0 to 15. Default 1. */
  readonly keep?: number
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Milliseconds to wait for another process that rotates. Default 5,000. */
  readonly lockTimeoutMs?: number
}

/** Options of {@link changeSignerFileKey}. */
export interface ChangeSignerFileKeyOptions extends SignerFileOptions {
  /** The key that encrypts the file now. */
  readonly key: FileKey
  /** The key that encrypts it from now on. */
  readonly newKey: FileKey
  /** The parameter N of scrypt for a new passphrase, with r = 8 and p = 1. Default 131,072. */
  readonly scryptCost?: number
  /** Milliseconds to wait for another process that changes the file. Default 5,000. */
  readonly lockTimeoutMs?: number
}

/** A key of a file, as everybody may see it. */
export interface SignerFileEntry {
  /** The DID that the key signs for. */
  readonly did: Did
  readonly algorithm: SignatureAlgorithm
  /** The second in which the key was made. */
  readonly created: Timestamp
}

/** An opened file. */
export interface SignerFile extends SignerFileEntry {
  /** Signs with the current key. */
  readonly signer: Signer
  /** Signers of the previous keys, the latest first. They use delegations that were made to these keys. */
  readonly previous: readonly Signer[]
}

/**
 * Makes a key, and writes it to a new file with mode 0600.
 *
 * @throws ArgumentError when an option is invalid; VaultError `ERR_VAULT_CONFIGURATION` when the file exists already or
 *   cannot be made there, `ERR_VAULT_UNAVAILABLE` when it cannot be written.
 *
 * @example
 * ```ts
 * import { createSignerFile, openSignerFile } from 'procura/signer/file'
 *
 * await createSignerFile({ path: 'agent.key' }) // once
 * const { signer } = await openSignerFile({ path: 'agent.key' })
 * ```
 */
export async function createSignerFile(options: CreateSignerFileOptions): Promise<SignerFile> {
  const given = readOptions('createSignerFile', options, {
    ...openChecks,
    algorithm: withDefault(anything, 'Ed25519'),
    did: maybe(didString),
    clock: withDefault(withMethod('now'), systemClock),
    scryptCost: withDefault(integerFrom(1), defaultScryptCost),
  })
  const { path, scryptCost, clock } = given
  const key = given.key && ownKey(given.key)
  const did = given.did === undefined ? undefined : didOption('did', given.did)
  const entry = await newEntry(checkAlgorithm(given.algorithm), did, secondsOf(clock))
  const keys = key && (await deriveKeys(key, newDerivation(key, scryptCost), readTimeoutMs, signerFiles))
  try {
    // SIG-16
    await createPrivateFile(path, encodeSignerFile([entry], keys))
  } catch (cause) {
    throw unusablePlace(path, cause)
  }
  return signerFileOf([entry])
}

/**
 * Opens a file that `createSignerFile` made.
 *
 * @throws ArgumentError when an option is invalid; VaultError `ERR_VAULT_CONFIGURATION` when the file is missing, other
 *   users have access to it, or the key is missing or of another kind; `ERR_VAULT_INTEGRITY` when the key is another
 *   one or the file was changed; `ERR_VAULT_UNAVAILABLE` when it cannot be read.
 */
export async function openSignerFile(options: SignerFileOptions): Promise<SignerFile> {
  const { path, key } = readOptions('openSignerFile', options, openChecks)
  const { entries } = await open(path, key && ownKey(key))
  return signerFileOf(entries)
}

/**
 * Reads the public part of a file, without its key. An encrypted file authenticates it only when it is opened.
 *
 * @returns the keys, the current one first, and whether the file is encrypted.
 * @throws as {@link openSignerFile} does.
 */
export async function describeSignerFile(options: {
  readonly path: string
}): Promise<{ readonly keys: readonly SignerFileEntry[]; readonly encrypted: boolean }> {
  const { path } = readOptions('describeSignerFile', options, { path: nonEmptyString })
  const file = await read(path)
  // An unencrypted file can be checked whole.
  if (file.derivation === undefined) await signerFileOf(entriesOf(file, file.secret as readonly Jwk[]))
  return Object.freeze({
    keys: Object.freeze(file.keys.map((entry) => Object.freeze({ ...entry, did: parseDid(entry.did) }))),
    encrypted: file.derivation !== undefined,
  })
}

/**
 * Makes a new key of the same algorithm in the same file, in one step: after a crash the file has the old keys or the
 * new ones. The previous key stays in the file, because delegations to it are still valid. A key with a `did:key` gets
 * another DID; a key of another DID keeps it, and its document must list the new key.
 *
 * @throws as {@link openSignerFile} does; VaultError `ERR_VAULT_UNAVAILABLE` also when another process rotates for
 *   longer than `lockTimeoutMs`.
 */
export async function rotateSignerFile(options: RotateSignerFileOptions): Promise<SignerFile> {
  const { path, keep, clock, lockTimeoutMs, ...given } = readOptions('rotateSignerFile', options, {
    ...openChecks,
    keep: withDefault(integerFrom(0, mostKeys - 1), 1),
    clock: withDefault(withMethod('now'), systemClock),
    lockTimeoutMs: withDefault(integerFrom(1), 5_000),
  })
  const key = given.key && ownKey(given.key)
  // The lock makes a folder; a misspelt path must not leave one behind.
  await read(path)
  const lock = createFileLock(`${path}.lock`)
  return withFileLock(lock, `${path}.lock`, lockTimeoutMs, async (held) => {
    const { entries, keys } = await open(path, key)
    const [current] = entries as [PrivateEntry]
    const did = current.did.startsWith('did:key:') ? undefined : current.did
    const next = [await newEntry(current.algorithm, did, secondsOf(clock)), ...entries.slice(0, keep)]
    // SIG-18
    await replacePrivateFile(path, encodeSignerFile(next, keys), held)
    return signerFileOf(next)
  })
}

/**
 * Encrypts a file under another key, in one step. The keys of the signers stay. Copies of the file still open with the
 * old key.
 *
 * @throws as {@link rotateSignerFile} does.
 */
export async function changeSignerFileKey(options: ChangeSignerFileKeyOptions): Promise<void> {
  const { path, scryptCost, lockTimeoutMs, ...given } = readOptions('changeSignerFileKey', options, {
    path: nonEmptyString,
    key: keyCheck,
    newKey: keyCheck,
    scryptCost: withDefault(integerFrom(1), defaultScryptCost),
    lockTimeoutMs: withDefault(integerFrom(1), 5_000),
  })
  const [key, newKey] = [ownKey(given.key), ownKey(given.newKey)]
  const keys = await deriveKeys(newKey, newDerivation(newKey, scryptCost), readTimeoutMs, signerFiles)
  await read(path)
  const lock = createFileLock(`${path}.lock`)
  await withFileLock(lock, `${path}.lock`, lockTimeoutMs, async (held) => {
    const { entries } = await open(path, key)
    // SIG-28
    await replacePrivateFile(path, encodeSignerFile(entries, keys), held)
  })
}

const readTimeoutMs = 10_000
const mostKeys = 16

const signerFiles: FilePurpose = Object.freeze({ label: 'procura-signer@1', file: 'signer file' })

const openChecks: OptionChecks<SignerFileOptions> = Object.freeze({ path: nonEmptyString, key: maybe(keyCheck) })

async function newEntry(
  algorithm: SignatureAlgorithm,
  did: Did | undefined,
  created: Timestamp,
): Promise<PrivateEntry> {
  const jwk = await generateJwk(algorithm)
  const signer = await importSigner({ jwk }, did === undefined ? {} : { did })
  return { did: signer.did, algorithm, created, jwk }
}

async function generateJwk(algorithm: SignatureAlgorithm): Promise<Jwk> {
  const curve = algorithm === 'ES256' ? 'prime256v1' : 'secp256k1'
  const { privateKey } = await (algorithm === 'Ed25519'
    ? promisify(generateKeyPair)('ed25519')
    : promisify(generateKeyPair)('ec', { namedCurve: curve }))
  return privateKey.export({ format: 'jwk' }) as Jwk
}

interface OpenedFile {
  readonly entries: readonly PrivateEntry[]
  readonly keys: FileKeys | undefined
}

async function open(path: string, key: FileKey | undefined): Promise<OpenedFile> {
  const file = await read(path)
  const { derivation } = file
  if (derivation === undefined) {
    // A file that was replaced by an unencrypted one would be used without notice.
    if (key !== undefined) throw unusable(path, 'it is not encrypted; open it without `key`')
    return { entries: entriesOf(file, file.secret as readonly Jwk[]), keys: undefined }
  }
  if (key === undefined) throw unusable(path, 'it is encrypted; pass its `key`')
  const keys = await deriveKeys(key, derivation, readTimeoutMs, signerFiles)
  return { entries: entriesOf(file, openSecrets(file, keys, path)), keys }
}

async function read(path: string): Promise<SealedFile> {
  const file = await readPrivateFile(path, { timeoutMs: readTimeoutMs }).catch((cause: unknown) => {
    throw unusablePlace(path, cause)
  })
  if (file === undefined || file === 'unchanged')
    throw unusable(
      path,
      /(?:^|[/\\])did:[a-z]/.test(path)
        ? 'it is a DID; pass the path of the key file'
        : 'it does not exist; make it with createSignerFile or `procura key new`',
    )
  return decodeSignerFile(file.bytes, path)
}

function entriesOf({ keys }: SealedFile, jwks: readonly Jwk[]): readonly PrivateEntry[] {
  return keys.map((entry, at) => ({ ...entry, jwk: jwks[at] as Jwk }))
}

/** Makes the signers of a file. Each key is compared with the DID and the algorithm beside it. */
async function signerFileOf(entries: readonly PrivateEntry[]): Promise<SignerFile> {
  const signers: Signer[] = []
  for (const [at, entry] of entries.entries()) signers.push(await signerOf(entry, `key ${at + 1} of ${entries.length}`))
  const [signer, ...previous] = signers as [Signer, ...Signer[]]
  const { algorithm, created } = entries[0] as PrivateEntry
  return Object.freeze({ did: signer.did, algorithm, created, signer, previous: Object.freeze(previous) })
}

async function signerOf({ did, algorithm, jwk }: PrivateEntry, place: string): Promise<Signer> {
  try {
    const { kty, crv, x, y, d } = jwk
    if (x === undefined) throw new TypeError('x is missing')
    return await importSigner(
      { jwk: { kty, crv, x, ...(y !== undefined && { y }), d } as Jwk },
      { did: parseDid(did), algorithm },
    )
  } catch {
    // Neither the cause nor a field of the file is shown: in a damaged file, any of them may hold the key.
    throw new VaultError('ERR_VAULT_INTEGRITY', `${place} of the signer file does not belong to the DID beside it`)
  }
}

function unusable(path: string, what: string): VaultError {
  return new VaultError('ERR_VAULT_CONFIGURATION', `${quote(path, 256)} cannot be used: ${what}`)
}
