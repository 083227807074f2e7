// node only: syncs a file
import fs from 'node:fs'
import { StoreError } from 'procura/errors'
import type { SqliteStores } from 'procura/store/sqlite'
import { groupSync } from '#support/group-sync.ts'

/** Waits until the content of an open file is on the disk. */
export type SyncFile = (file: number) => Promise<void>

/** The stores of a gateway, each of which is asked by itself. */
export type GatewayStores = Omit<SqliteStores, 'callStore'>

/** Stores whose transactions are synced outside of SQLite. */
export interface SyncedStores {
  readonly stores: GatewayStores
  /**
   * Resolves when each call that was claimed so far, and each limit that was reserved so far, is on the disk.
   *
   * @throws StoreError when that is not certain.
   */
  synced(): Promise<void>
  close(): void
}

/**
 * Syncs the transactions of stores. SQLite would do so within each commit, and block the process meanwhile. Here the
 * sync of the state runs while the record of the intent is written and synced. A claim and a reservation are answered
 * before their sync, so that nothing may be released before {@link SyncedStores.synced}. A revocation and the use of a
 * limit are answered when they are on the disk. GTW-17
 *
 * After a failed sync, nobody knows which changes the disk has, and a second sync can succeed without them. The stores
 * then take no further change.
 *
 * @param log - the path of the write-ahead log of the database.
 */
export function syncStores(stores: GatewayStores, log: string, syncFile: SyncFile = dataSync): SyncedStores {
  const file = fs.openSync(log, 'r+')
  let failure: StoreError | undefined
  /** The sync of all changes so far. */
  let last: Promise<void> = Promise.resolve()

  const syncInTurn = groupSync(async () => {
    try {
      assertSafe()
      await syncFile(file)
    } catch (cause) {
      failure ??= new StoreError(
        'the state of the gateway could not be written to the disk; check the disk, and restart the gateway',
        {
          cause,
        },
      )
      throw failure
    }
  })

  function assertSafe(): void {
    if (failure !== undefined) throw failure
  }

  /** Makes a change, and begins its sync. */
  async function begin<T>(change: () => T | Promise<T>): Promise<T> {
    assertSafe()
    const answer = await change()
    last = syncInTurn()
    // `synced` reports it.
    last.catch(() => undefined)
    return answer
  }

  async function finish<T>(change: () => T | Promise<T>): Promise<T> {
    const answer = await begin(change)
    await last
    return answer
  }

  const { replay, revocations, limitStore } = stores
  return {
    stores: Object.freeze({
      replay: Object.freeze({
        ...replay,
        // Without the signal, which would have to be made: no claim waits for another process.
        claim: (...[key, expiration, { acceptedFrom }]: Parameters<typeof replay.claim>) =>
          begin(() => replay.claim(key, expiration, { acceptedFrom })),
      }),
      revocations: Object.freeze({
        ...revocations,
        add: (...entry: Parameters<typeof revocations.add>) => finish(() => revocations.add(...entry)),
      }),
      limitStore: Object.freeze({
        ...limitStore,
        reserve: (...request: Parameters<typeof limitStore.reserve>) => begin(() => limitStore.reserve(...request)),
        commit: (...use: Parameters<typeof limitStore.commit>) => finish(() => limitStore.commit(...use)),
        // A release that is lost gives nothing back.
        release: (...use: Parameters<typeof limitStore.release>) => begin(() => limitStore.release(...use)),
      }),
    } satisfies GatewayStores),
    async synced() {
      assertSafe()
      await last
    },
    close() {
      // A sync in progress has the number of the file.
      void last.catch(() => undefined).then(() => fs.closeSync(file))
    },
  }
}

function dataSync(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(file, (error) => (error ? reject(error) : resolve()))
  })
}
