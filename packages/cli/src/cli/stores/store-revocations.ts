// node only: opens databases
import { never } from 'procura'
import { StoreError } from 'procura/errors'
import type { RevocationEntry, RevocationJournal } from 'procura/revocation'
import { postgresStores } from 'procura/store/postgres'
import { sqliteStores } from 'procura/store/sqlite'
import type { Host } from '../host.ts'
import { showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { databaseAddress, withPostgres } from './postgres.ts'
import { assertStoreFile, readStoreSecret, refuseForSqlite, storeFile, withStoreFile } from './store-place.ts'

/** Entries that are read at once. */
const pageSize = 1_000

/** Milliseconds for a statement of PostgreSQL, and for another process that writes the file of SQLite. */
const timeoutMs = 20_000
const busyTimeoutMs = 5_000

/** `procura store revocations`: lists the revocations in the stores of services, in the order of addition. CLI-24 */
export async function listInStores(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const file = storeFile(flags)
  if (file !== undefined) refuseForSqlite(flags, ['url-file'])
  if (words.length > 0) throw new UsageError('the verb takes no operand; it lists all revocations of the stores')
  const settings = { secret: await readStoreSecret(flags, host, 'read'), prefix: textOf(flags, 'prefix') ?? 'procura' }
  const print = (entry: RevocationEntry): void => {
    for (const id of entry.ids) host.print(flags['json'] === true ? asJson(id, entry) : inWords(id, entry))
  }
  if (file !== undefined) {
    await assertStoreFile(file)
    await withStoreFile(file, 'read', (database) =>
      eachEntry(sqliteStores({ database, ...settings, busyTimeoutMs }).revocations, print),
    )
  } else
    await withPostgres(await databaseAddress(flags, host, 'PROCURA_STORE_URL'), async (client) => {
      try {
        await eachEntry(postgresStores({ client, ...settings, timeoutMs }).revocations, print)
      } catch (error) {
        const { cause } = Object(error) as { readonly cause?: unknown }
        // The stores report the reason as the cause; another secret has none.
        if (!(error instanceof StoreError) || !(cause instanceof Error)) throw error
        throw new Error(
          `the revocations cannot be read: ${cause.message}; name the database of the stores and their --prefix`,
          { cause },
        )
      }
    })
  return 0
}

/** A part is read after the other: an entry that is added meanwhile has a larger number. */
async function eachEntry(journal: RevocationJournal, task: (entry: RevocationEntry) => void): Promise<void> {
  let after = 0
  for (;;) {
    const { entries, head } = await journal.listRevocations({ after, limit: pageSize })
    for (const { entry } of entries) task(entry)
    after = entries.at(-1)?.sequence ?? head
    if (after >= head) return
  }
}

function asJson(id: string, { revoker, expiration }: RevocationEntry): string {
  return JSON.stringify({
    id,
    ...(revoker !== undefined && { revoker }),
    expiration: expiration === never ? null : expiration,
  })
}

function inWords(id: string, { revoker, expiration }: RevocationEntry): string {
  const end = expiration === never ? 'for ever' : `until ${showDate(expiration)}`
  return `${id}  by ${revoker ?? 'the operator'}, ${end}`
}
