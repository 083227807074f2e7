// node only: uses the back end of Node
/**
 * Loads the same back end in every thread.
 *
 * @module
 */

import { ArgumentError } from '../../../errors.ts'
import { anything, readOptions } from '../../../support/options.ts'
import type { CryptoBackend } from '../backend/backend.ts'
import type { Sodium } from '../backend/sodium.ts'

/**
 * The back end that verifies: `node`, the portable `noble`, or libsodium by the URL of its package, which the program
 * installs: `{ sodium: import.meta.resolve('sodium-native') }`.
 */
export type BackendChoice = 'node' | 'noble' | { readonly sodium: string | URL }

/**
 * Loads a back end.
 *
 * @throws ArgumentError when the name is unknown, or the URL does not lead to the package `sodium-native`.
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
    throw new ArgumentError('`sodium` must be the URL of the package `sodium-native`', { cause })
  }
}
