// node only: uses the back end of Node
/**
 * The same back end in every thread: each loads its own by what it is told.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import { anything, readOptions } from '../../support/options.ts'
import type { CryptoBackend } from '../backend/backend.ts'
import type { Sodium } from '../backend/sodium.ts'

/**
 * Which back end verifies: that of Node, the portable one, or that of libsodium, given the address of the package, which
 * is yours to install: `{ sodium: import.meta.resolve('sodium-native') }`.
 */
export type BackendChoice = 'node' | 'noble' | { readonly sodium: string | URL }

/**
 * Loads a back end.
 *
 * @throws ArgumentError when there is none of that name, or the address leads to nothing or to another package.
 */
export async function chooseBackend(choice: BackendChoice): Promise<CryptoBackend> {
  if (choice === 'node') return (await import('../backend/node.ts')).backend
  if (choice === 'noble') return (await import('../backend/noble.ts')).backend
  if (typeof choice !== 'object' || choice === null || !Object.hasOwn(choice, 'sodium')) {
    throw new ArgumentError("`backend` must be `node`, `noble` or `{ sodium: import.meta.resolve('sodium-native') }`")
  }
  readOptions('`backend`', choice, { sodium: anything })
  const { sodiumBackend } = await import('../backend/sodium.ts')
  return sodiumBackend(await load(String(choice.sodium)))
}

async function load(address: string): Promise<Sodium> {
  try {
    return ((await import(address)) as { readonly default: Sodium }).default
  } catch (cause) {
    throw new ArgumentError('`sodium` must be the address of the package `sodium-native`', { cause })
  }
}
