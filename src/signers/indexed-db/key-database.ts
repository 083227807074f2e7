/**
 * The database of a browser with key pairs: one object store, key pairs by name.
 *
 * @module
 */

import { SigningError } from '../../errors.ts'

/** A key pair in the database. */
export interface StoredKey {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** The second in which it was made. */
  readonly created: number
}

/** An open database. */
export interface KeyDatabase {
  get(name: string): Promise<StoredKey | undefined>
  /** Stores a key in one step, unless a key is stored already or the signal is aborted. Returns the stored key. */
  addOrGet(name: string, key: StoredKey, signal: AbortSignal): Promise<StoredKey>
  remove(name: string): Promise<void>
  close(): void
}

const storeName = 'keys'

/**
 * Opens a database, and makes a missing one.
 *
 * @throws SigningError when the browser refuses.
 */
export async function openKeyDatabase(database: string): Promise<KeyDatabase> {
  const factory = (globalThis as { readonly indexedDB?: IDBFactory }).indexedDB
  if (factory === undefined) throw new SigningError('there is no IndexedDB here; it is in browsers')
  const db = await stored(() => {
    const opening = factory.open(database, 1)
    opening.onupgradeneeded = () => void opening.result.createObjectStore(storeName)
    return opening
  })
  // Another page can then remove the database.
  db.onversionchange = () => db.close()
  return {
    get: (name) => stored(() => db.transaction(storeName).objectStore(storeName).get(name)),
    addOrGet: async (name, key, signal) => {
      // SIG-26: both requests are of one transaction, so that of two pages the second gets the key of the first.
      const transaction = await stored(() => db.transaction(storeName, 'readwrite'))
      const store = transaction.objectStore(storeName)
      const kept = await stored<StoredKey | undefined>(() => store.get(name))
      if (kept !== undefined) return kept
      // SIG-27: the caller waits no longer, and would never learn that the key is new.
      signal.throwIfAborted()
      const stop = (): void => transaction.abort()
      signal.addEventListener('abort', stop)
      try {
        await stored(() => store.add(key, name))
        await committed(transaction)
      } finally {
        signal.removeEventListener('abort', stop)
      }
      return key
    },
    remove: async (name) => {
      const transaction = await stored(() => db.transaction(storeName, 'readwrite'))
      await stored(() => transaction.objectStore(storeName).delete(name))
      await committed(transaction)
    },
    close: () => db.close(),
  }
}

/** Waits for a request. The browser throws some of its errors, and reports others. */
async function stored<T>(start: () => IDBRequest<T> | T): Promise<T> {
  try {
    const started = start()
    return started instanceof IDBRequest ? await outcome(started) : started
  } catch (cause) {
    throw refusedStorage(cause)
  }
}

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** A key is added or removed when the transaction has ended: the disk may be full. */
function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(refusedStorage(transaction.error))
  })
}

function refusedStorage(cause: unknown): SigningError {
  const { name } = (cause ?? {}) as { readonly name?: unknown }
  const shown = typeof name === 'string' && /^[A-Za-z]{1,64}$/.test(name) ? name : 'unknown error'
  return new SigningError(
    `the browser refused to store the key (${shown}); allow the data of this site, and leave private browsing`,
    { cause },
  )
}
