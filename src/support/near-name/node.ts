// node only: elsewhere the size of the code counts
/**
 * The suggestions of messages, on Node.
 *
 * @module
 */

import { quote } from '../quote.ts'

export { nearestName as nearName } from '../nearest-name.ts'

/** The first name of an object that another one does not have: it may be the missing one, misspelled. */
export function strayHint(given: unknown, declared: unknown): string {
  const stray = Object.keys(Object(given)).find((name) => !Object.hasOwn(Object(declared) as object, name))
  return stray === undefined ? '' : ` (got ${quote(stray)}, which it does not have)`
}

/** The usual mistake in the place of an object is the function that makes it. */
export function functionHint(value: unknown): string {
  return typeof value === 'function' ? ' (got a function; call it, and pass the result)' : ''
}

/** The fault of a store, with the stores that most callers begin with. */
export function storeHint(fault: string | undefined): string | undefined {
  return fault && `${fault}, such as the one in \`...memoryStores()\` (\`procura/store/memory\`)`
}
