import type { Signer } from '../../core/principal/signer.ts'
import { webCryptoSigner } from '../../core/principal/web-crypto-signer.ts'

/** The key of the approver and the delegations to it, kept in the browser. */
export interface Keeper {
  /** The approver. Its key was made here and cannot be exported. */
  readonly signer: Signer
  /** The kept delegations, as a container. */
  proofs(): Promise<string | undefined>
  keepProofs(container: string): Promise<void>
}

const storeName = 'approver'

/** Opens the database of the page, and makes a missing key. */
export async function openKeeper(): Promise<Keeper> {
  const opening = indexedDB.open('procura-approval', 1)
  opening.onupgradeneeded = () => void opening.result.createObjectStore(storeName)
  const db = await done(opening)
  const read = (key: string): Promise<unknown> => done(db.transaction(storeName).objectStore(storeName).get(key))
  const signer = await webCryptoSigner(await keyOf(db))
  return Object.freeze({
    signer,
    proofs: async () => (await read('proofs')) as string | undefined,
    keepProofs: async (container: string) => {
      await done(db.transaction(storeName, 'readwrite').objectStore(storeName).put(container, 'proofs'))
    },
  })
}

/** APR-51: the private key cannot be exported, not even by this page. */
async function keyOf(db: IDBDatabase): Promise<CryptoKeyPair> {
  const made = await generateKey()
  // Two tabs that open at once make two keys. `add` keeps the first, and both use it.
  const store = db.transaction(storeName, 'readwrite').objectStore(storeName)
  const kept = await done(store.get('key'))
  if (kept !== undefined) return kept as CryptoKeyPair
  await done(store.add(made, 'key'))
  return made
}

async function generateKey(): Promise<CryptoKeyPair> {
  try {
    return (await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])) as CryptoKeyPair
  } catch {
    return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
