// node only: keeps credentials in an encrypted file

import { VaultError } from '../../../errors.ts'
import {
  flag,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  type OptionChecks,
  readOptions,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { systemClock, type Timestamp } from '../../../time.ts'
import { pick, secretValue, vaultChecks } from '../../configuration.ts'
import { type VaultOptions, vaultOver } from '../../create-vault.ts'
import type { CredentialDirectory, FoundCredential } from '../../release/credential-directory.ts'
import { type CredentialOptions, parseRules, ruleChecks } from '../../rules/credential-rules.ts'
import { parseStoredRules, readStoredRules } from '../../rules/stored-rules.ts'
import type { Secret } from '../../secret.ts'
import { type SecretValue, toSecret } from '../../secret-value.ts'
import type { Vault } from '../../vault.ts'
import { type FileStore, type OpenFile, openFileStore } from './file-store.ts'
import { type FileContents, type FileRecord, openRecord, sealRecord } from './format.ts'
import { type FileKey, keyCheck } from './key.ts'

export type { FileKey } from './key.ts'

/** Options of {@link openFileVault}. */
export interface FileVaultOptions extends VaultOptions {
  /** The file. Folders of locks, which hold temporary files as well, are made beside it. */
  readonly path: string
  /** What opens it. */
  readonly key: FileKey
  /** Whether to make the file when there is none. Default false. */
  readonly create?: boolean
  /** Versions that are kept of a secret, the present one included. Default 2. */
  readonly keepVersions?: number
  /**
   * The cost of guessing a passphrase, for a new file or key: scrypt with this N, r = 8, p = 1. Default 131,072, which
   * takes 128 MiB and about half a second.
   */
  readonly scryptCost?: number
  /**
   * Milliseconds to wait for another process that writes. Default 5,000. One that seems to have been killed is waited for
   * up to 10 s longer, then its lock is taken.
   */
  readonly lockTimeoutMs?: number
}

/** A version of a credential as it is listed: everything but the secret. */
export interface StoredCredential {
  readonly name: string
  readonly version: string
  /** Whether it is the one that is released. */
  readonly present: boolean
  readonly created: Timestamp
  readonly rules: CredentialOptions
}

/** A vault over an encrypted file, and what its operator does with it. Every change is on disk when it resolves. */
export interface FileVault extends Vault {
  /** The names of the credentials in the file, as this process read or wrote it last. */
  readonly references: readonly string[]
  /** Stores a credential, or the next version of one, with its rules. Resolves the version. */
  put(name: string, credential: CredentialOptions & { readonly secret: SecretValue }): Promise<string>
  /** Stores the next version of a secret under the rules that it has. Resolves the version. */
  rotate(name: string, secret: SecretValue): Promise<string>
  /** Makes an older version the present one again, as a new version. Resolves the version. */
  restore(name: string, version: string): Promise<string>
  /** Removes a credential with all its versions; resolves whether there was one. */
  remove(name: string): Promise<boolean>
  /** Lists all versions of all credentials, without the secrets. */
  list(): Promise<readonly StoredCredential[]>
  /** Writes everything anew under another key. Other processes have to be opened with it again. */
  changeKey(key: FileKey): Promise<void>
}

/**
 * Opens a vault over a file in which every secret is encrypted, bound to its name, version and rules.
 *
 * @throws ArgumentError when an option is invalid; VaultError `ERR_VAULT_CONFIGURATION` when the file cannot be used,
 *   `ERR_VAULT_INTEGRITY` when the key is another or the file was changed, `ERR_VAULT_UNAVAILABLE` when it cannot be read
 *   or written.
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
  const given = readOptions('file vault', options, {
    ...vaultChecks,
    path: nonEmptyString,
    key: keyCheck,
    create: maybe(flag),
    keepVersions: maybe(integerFrom(1)),
    scryptCost: maybe(integerFrom(1)),
    lockTimeoutMs: maybe(milliseconds),
  })
  const { path, key, create = false, keepVersions = 2, scryptCost = 131_072, lockTimeoutMs = 5_000 } = given
  const clock = given.clock ?? systemClock
  const now = (): Timestamp => Math.floor(clock.now())
  const { readTimeoutMs = 10_000 } = given
  const store = await openFileStore({ path, key, create, scryptCost, lockTimeoutMs, readTimeoutMs })
  const add = async (
    name: string,
    next: (present: FileRecord | undefined, file: OpenFile) => Successor,
  ): Promise<string> => {
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

  return Object.freeze({
    ...vaultOver(fileDirectory(store, add, now), pick<VaultOptions>(given, vaultChecks)),
    get references() {
      return Object.freeze([...new Set(store.last().records.map((record) => record.name))])
    },
    put: async (name, credential) => {
      const { secret, ...rules } = readOptions(`credential ${quote(name)}`, credential, putChecks)
      const parsed = parseRules(name, rules)
      return add(name, () => ({ rules: parsed.description, secret: toSecret(secret, name) }))
    },
    rotate: (name, secret) =>
      add(name, (present) => ({ rules: requireRecord(present, name).rules, secret: toSecret(secret, name) })),
    restore: (name, version) =>
      add(name, (_present, file) => {
        const record = requireRecord(
          file.contents.records.find((one) => one.name === name && String(one.version) === version),
          name,
          version,
        )
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
    changeKey: (next) =>
      store.changeKey(next, ({ contents, keys }, nextKeys) =>
        contents.records.map((record) => {
          const secret = openRecord(keys, record)
          const sealed = sealRecord(nextKeys, record, secret)
          secret.dispose()
          return sealed
        }),
      ),
  } satisfies FileVault)
}

const putChecks: OptionChecks<CredentialOptions & { readonly secret: SecretValue }> = Object.freeze({
  ...ruleChecks,
  secret: secretValue,
})

interface Successor {
  readonly rules: string
  readonly secret: Secret
}

function fileDirectory(
  store: FileStore,
  add: (name: string, next: (present: FileRecord | undefined) => Successor) => Promise<string>,
  now: () => Timestamp,
): CredentialDirectory {
  const read = async (name: string): Promise<{ readonly record: FileRecord; readonly secret: Secret } | undefined> => {
    const { contents, keys } = await store.read()
    const record = latest(contents, name)
    return record === undefined ? undefined : { record, secret: openRecord(keys, record) }
  }
  return {
    adapter: 'file',
    async find(reference): Promise<FoundCredential | undefined> {
      const record = latest((await store.read()).contents, reference)
      if (record === undefined) return undefined
      return {
        reference,
        credential: parseStoredRules(reference, record.rules),
        scope: () => '',
        read: async () => {
          const found = await read(reference)
          if (found === undefined) return undefined
          // The rules that were asked are the rules of this secret, or the call begins anew.
          if (found.record.rules !== record.rules) {
            found.secret.dispose()
            throw new VaultError('ERR_VAULT_UNAVAILABLE', 'the rules of the credential were just changed; try again')
          }
          const { version } = found.record
          const { secret } = found
          return { reference, secret, version: String(version), kind: 'static', downscoped: false, readAt: now() }
        },
        replace: (secret, expectedVersion) =>
          add(reference, (present) => {
            if (present === undefined || String(present.version) !== expectedVersion) {
              throw new VaultError('ERR_VAULT_INTEGRITY', 'the secret was replaced by somebody else')
            }
            return { rules: present.rules, secret: secret.copy() }
          }),
        exclusively: (task) => store.exclusively(reference, task),
      }
    },
  }
}

function latest({ records }: FileContents, name: string): FileRecord | undefined {
  return records.findLast((record) => record.name === name)
}

function requireRecord(record: FileRecord | undefined, name: string, version?: string): FileRecord {
  if (record === undefined) {
    throw new VaultError(
      'ERR_VAULT_UNKNOWN_REFERENCE',
      `the file has no credential ${quote(name)}${version === undefined ? '' : ` of version ${quote(String(version))}`}`,
    )
  }
  return record
}

/** Drops the oldest versions of a name. */
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
