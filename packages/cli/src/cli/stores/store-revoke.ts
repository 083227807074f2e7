// node only: opens databases
import { never } from 'procura'
import { ArgumentError, StoreError } from 'procura/errors'
import { type RevocationEntry, readRevocationEntry } from 'procura/revocation'
import { postgresStores } from 'procura/store/postgres'
import { sqliteStores } from 'procura/store/sqlite'
import type { Host } from '../host.ts'
import { record } from '../logs/ledger.ts'
import { assertLowerCaseHost } from '../terminal/did-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { databaseAddress, type PostgresClient, withPostgres } from './postgres.ts'
import { assertStoreFile, readStoreSecret, refuseForSqlite, storeFile, withStoreFile } from './store-place.ts'

/** The settings of stores. */
interface StoreSettings {
  readonly secret: Uint8Array
  readonly prefix: string
}

/** Milliseconds for a statement of PostgreSQL, and for another process that writes the file of SQLite. */
const timeoutMs = 20_000
const busyTimeoutMs = 5_000

/**
 * `procura store revoke ID…`: revokes principals and delegations in the stores of services, as their operator. CLI-22
 */
export async function revokeInStores(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const file = storeFile(flags)
  if (file !== undefined) refuseForSqlite(flags, ['url-file'])
  if (words.length === 0)
    throw new UsageError('the DID of a principal is missing, or the CID of a delegation; pass at least one')
  const entry = entryOf(words)
  const prefix = textOf(flags, 'prefix') ?? 'procura'
  const settings = { secret: await readStoreSecret(flags, host, 'changed'), prefix }
  if (file !== undefined) await addToFile(file, entry, settings)
  else
    await withPostgres(await databaseAddress(flags, host, 'PROCURA_STORE_URL'), (client) =>
      addToDatabase(client, entry, settings),
    )
  const { ids } = entry
  if (flags['json'] === true)
    host.print(JSON.stringify({ revoked: ids, stores: prefix, ...(file !== undefined && { file }) }))
  else for (const id of ids) host.print(`revoked ${id}`)
  host.complain(
    'the services of these stores refuse each chain with it from their next decision on; it cannot be undone: after a mistake, give the principal another key, and issue its delegations again',
  )
  await record(flags, host, (ledger) => ledger.revoked(entry), 'the revocation holds')
  return 0
}

/** The revocation of all of them, by the operator. A mistake is found in its ID. */
function entryOf(ids: readonly string[]): RevocationEntry {
  for (const [at, id] of ids.entries()) {
    assertLowerCaseHost(`ID ${at + 1}`, id)
    try {
      readRevocationEntry({ ids: [id], expiration: never })
    } catch (error) {
      if (error instanceof ArgumentError)
        throw new UsageError(
          `ID ${at + 1}: ${error.message}${id.startsWith('did:') ? '' : '; `procura inspect FILE` prints the CID'}`,
        )
      throw error
    }
  }
  return readRevocationEntry({ ids, expiration: never })
}

async function addToDatabase(client: PostgresClient, entry: RevocationEntry, settings: StoreSettings): Promise<void> {
  try {
    await postgresStores({ client, ...settings, timeoutMs }).revocations.add(entry)
  } catch (error) {
    const { cause } = Object(error) as { readonly cause?: unknown }
    // The stores report the reason as the cause; another secret has none.
    if (!(error instanceof StoreError) || !(cause instanceof Error)) throw error
    throw new Error(
      `the revocation is not confirmed: ${cause.message}; name the database of the stores and their --prefix, connect as a role that may write, and run this again`,
      { cause },
    )
  }
}

async function addToFile(path: string, entry: RevocationEntry, settings: StoreSettings): Promise<void> {
  await assertStoreFile(path)
  await withStoreFile(path, 'changed', async (database) =>
    sqliteStores({ database, ...settings, busyTimeoutMs }).revocations.add(entry),
  )
}
