// node only: keeps credentials in an encrypted file

import { VaultError } from '../../../errors.ts'
import {
  flag,
  integerFrom,
  milliseconds,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, secondsOf, type Timestamp } from '../../../time.ts'
import { type VaultOptions, vaultChecks } from '../../configuration.ts'
import { vaultOver } from '../../create-vault.ts'
import type { FindCredential } from '../../release/context.ts'
import { type CredentialOptions, parseRules, ruleChecks } from '../../rules/credential-rules.ts'
import { parseStoredRules, readStoredRules } from '../../rules/stored-rules.ts'
import { disposeAfter, type Secret, type SecretValue, secretValue, toSecret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'
import type { Vault } from '../../vault.ts'
import { type FileStore, type OpenFile, openFileStore } from './file-store.ts'
import { type FileContents, type FileRecord, openRecord, sealRecord } from './format.ts'
import { defaultScryptCost, type FileKey, type FileKeys, keyCheck, ownKey } from './key.ts'

export type { FileKey } from './key.ts'

/** Options of {@link openFileVault}. */
export interface FileVaultOptions extends VaultOptions {
  /** The path of the file. Folders for locks and temporary files are made beside it. */
  readonly path: string
  /** The key of the file. */
  readonly key: FileKey
  /** Whether to make the file if it does not exist. Default false. */
  readonly create?: boolean
  /** The number of versions that are kept of each secret, including the current one. Default 2. */
  readonly keepVersions?: number
  /**
   * The parameter N of scrypt for a new file or key, with r = 8 and p = 1. Default 131,072, which takes 128 MiB and
   * about half a second.
   */
  readonly scryptCost?: number
  /**
   * Milliseconds to wait for another process that writes. Default 5,000. For a process that seems to have been killed
   * the wait is up to 10 s longer; then its lock is taken over.
   */
  readonly lockTimeoutMs?: number
}

/** A version of a credential in a list: everything except the secret. */
export interface StoredCredential {
  readonly name: string
  readonly version: string
  /** Whether it is the current version, which is released. */
  readonly present: boolean
  readonly created: Timestamp
  readonly rules: CredentialOptions
}

/** A vault over an encrypted file, with methods for its operator. Each change is on disk when its promise resolves. */
export interface FileVault extends Vault {
  /** The names of the credentials in the file, as this process read or wrote it last. */
  readonly references: readonly string[]
  /** Stores a credential, or the next version of one, with its rules. Resolves the version. */
  put(name: string, credential: CredentialOptions & { readonly secret: SecretValue }): Promise<string>
  /** Stores the next version of a secret under its present rules. Resolves the version. */
  rotate(name: string, secret: SecretValue): Promise<string>
  /** Makes an older version the current one again, as a new version. Resolves the version. */
  restore(name: string, version: string): Promise<string>
  /** Removes a credential with all its versions. Resolves whether it existed. */
  remove(name: string): Promise<boolean>
  /** Lists all versions of all credentials, without the secrets. */
  list(): Promise<readonly StoredCredential[]>
  /** Encrypts the whole file under another key. Other processes must open the file again with it. */
  changeKey(key: FileKey): Promise<void>
}

/**
 * Opens a vault over a file in which every secret is encrypted, bound to its name, version and rules.
 *
 * @throws ArgumentError when an option is invalid; VaultError `ERR_VAULT_CONFIGURATION` when the file cannot be used,
 *   `ERR_VAULT_INTEGRITY` when the key is another or the file was changed, `ERR_VAULT_UNAVAILABLE` when it cannot be
 *   read or written.
 *
 * @example
 * ```ts
 * import { createKeyFile, openFileVault } from 'procura/vault/file'
 * import { bearer } from 'procura/vault/processors'
 *
 * await createKeyFile('vault.key') // once
 * const vault = await openFileVault({ path: 'vault', key: { keyFile: 'vault.key' }, create: true })
 * await vault.put('mail', { secret: 'sk-live', origins: ['https://api.example.com'], processor: bearer() })
 * ```
 */
export async function openFileVault(options: FileVaultOptions): Promise<FileVault> {
  const { path, key, create, keepVersions, scryptCost, lockTimeoutMs, ...settings } = readOptions(
    'openFileVault',
    options,
    {
      ...vaultChecks,
      path: nonEmptyString,
      key: keyCheck,
      create: withDefault(flag, false),
      keepVersions: withDefault(integerFrom(1), 2),
      scryptCost: withDefault(integerFrom(1), defaultScryptCost),
      lockTimeoutMs: withDefault(milliseconds, 5_000),
    },
  )
  const { clock, readTimeoutMs } = settings
  const store = await openFileStore({ path, key: ownKey(key), create, scryptCost, lockTimeoutMs, readTimeoutMs })
  const credentials = credentialsOf(store, keepVersions, clock)
  const { add } = credentials

  return Object.freeze({
    ...vaultOver(credentials.find, settings),
    get references() {
      return Object.freeze([...new Set(store.last().records.map((record) => record.name))])
    },
    put: async (name, credential) => {
      const { secret, ...rules } = readOptions(`credential ${quote(name)}`, credential, putChecks)
      const { description } = parseRules(name, rules)
      // A copy: the caller may overwrite the bytes while the file is locked.
      const kept = toSecret(secret, name)
      return disposeAfter([kept], () => add(name, () => ({ rules: description, secret: kept })))
    },
    rotate: async (name, secret) => {
      const kept = toSecret(secret, name)
      return disposeAfter([kept], () =>
        add(name, (present) => ({ rules: requireRecord(present, name).rules, secret: kept })),
      )
    },
    restore: (name, version) =>
      add(name, (_present, file) => {
        const found = file.contents.records.find((one) => one.name === name && String(one.version) === version)
        const record = requireRecord(found, name, version)
        return { rules: record.rules, secret: openRecord(file.keys, record) }
      }),
    remove: async (name) => {
      if (latest((await store.read()).contents, name) === undefined) return false
      await store.change(({ contents }) => contents.records.filter((record) => record.name !== name))
      return true
    },
    list: async () => {
      const { contents } = await store.read()
      return contents.records.map((record) => describe(record, latest(contents, record.name)))
    },
    changeKey: async (next) => store.changeKey(ownKey(next), resealAll),
  } satisfies FileVault)
}

const putChecks: OptionChecks<CredentialOptions & { readonly secret: SecretValue }> = Object.freeze({
  ...ruleChecks,
  secret: secretValue,
})

/** The next version of a credential. */
interface Successor {
  readonly rules: string
  readonly secret: Secret
}

/** The credentials of a file: found by their names, and added to. */
interface Credentials {
  readonly find: FindCredential
  /** Adds a version, made from the present one. Resolves its number. */
  readonly add: (name: string, next: (present: FileRecord | undefined, file: OpenFile) => Successor) => Promise<string>
}

function credentialsOf(store: FileStore, keepVersions: number, clock: Clock): Credentials {
  const now = (): Timestamp => secondsOf(clock)

  const add: Credentials['add'] = async (name, next) => {
    let version = 0
    await store.change((file, revision) => {
      version = revision
      const { rules, secret } = next(latest(file.contents, name), file)
      const record = sealRecord(file.keys, { name, version: revision, created: now(), rules }, secret)
      secret.dispose()
      return prune([...file.contents.records, record], name, keepVersions)
    })
    return String(version)
  }

  /** The source of the secret under these rules. */
  const sourceUnder = (rules: string): SecretSource => ({
    name: 'file',
    async read(reference) {
      const { contents, keys } = await store.read()
      const record = latest(contents, reference)
      if (record === undefined) return undefined
      // The rules that were compared with the call must belong to this secret.
      if (record.rules !== rules) {
        throw new VaultError('ERR_VAULT_UNAVAILABLE', 'the rules of the credential have just changed; try again')
      }
      const secret = openRecord(keys, record)
      return { reference, secret, version: String(record.version), kind: 'static', downscoped: false, readAt: now() }
    },
    replace: (reference, { secret, expectedVersion }) =>
      add(reference, (present) => {
        if (present === undefined || String(present.version) !== expectedVersion) {
          throw new VaultError('ERR_VAULT_INTEGRITY', 'another process has replaced the secret')
        }
        return { rules: present.rules, secret: secret.copy() }
      }),
    exclusively: (reference, task) => store.exclusively(reference, task),
  })

  return {
    add,
    find: async (reference) => {
      const record = latest((await store.read()).contents, reference)
      if (record === undefined) return undefined
      const { rules } = record
      return { reference, rules: parseStoredRules(reference, rules), source: sourceUnder(rules) }
    },
  }
}

/** Encrypts every record under other keys. */
function resealAll({ contents, keys }: OpenFile, nextKeys: FileKeys): readonly FileRecord[] {
  return contents.records.map((record) => {
    const secret = openRecord(keys, record)
    const sealed = sealRecord(nextKeys, record, secret)
    secret.dispose()
    return sealed
  })
}

function latest({ records }: FileContents, name: string): FileRecord | undefined {
  return records.findLast((record) => record.name === name)
}

function requireRecord(record: FileRecord | undefined, name: string, version?: string): FileRecord {
  if (record === undefined) {
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      `the credential file has no ${version === undefined ? '' : `version ${quote(String(version))} of `}credential ${quote(name)}; \`list\` returns all`,
    )
  }
  return record
}

/** Drops the oldest versions of a credential. */
function prune(records: readonly FileRecord[], name: string, keep: number): readonly FileRecord[] {
  const surplus = records.filter((record) => record.name === name).slice(0, -keep)
  return records.filter((record) => !surplus.includes(record))
}

function describe(record: FileRecord, present: FileRecord | undefined): StoredCredential {
  return {
    name: record.name,
    version: String(record.version),
    present: record === present,
    created: record.created,
    rules: readStoredRules(record.rules),
  }
}
