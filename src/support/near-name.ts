/**
 * The suggestions of messages.
 *
 * @module
 */

import { nearestName } from './nearest-name.ts'
import { quote } from './quote.ts'

/** The name that may be meant, for the middle of a message. */
export function nearHint(name: string, names: readonly string[]): string {
  const near = nearestName(name, names)
  return near === undefined ? '' : `did you mean \`${near}\`? `
}

/** The first name of an object that another one does not have: it may be the missing one, misspelled. */
export function strayHint(given: unknown, declared: unknown): string {
  const stray = Object.keys(Object(given)).find((name) => !Object.hasOwn(Object(declared) as object, name))
  return stray === undefined ? '' : ` (got ${quote(stray)}, which it does not have)`
}

/** The usual mistakes in the place of an object: a string such as a DID, the function that makes it, and its method. */
export function functionHint(value: unknown, method: string): string {
  if (typeof value === 'string')
    return method === 'sign' && value.startsWith('did:')
      ? ' (got a DID; pass the signer with its key)'
      : ' (got a string)'
  return typeof value === 'function'
    ? ` (got a function; call it and pass the result, or pass an object: \`{ ${method}: … }\`)`
    : ''
}

/** The fault of a store, with the stores that most callers begin with. */
export function storeHint(fault: string | undefined): string | undefined {
  return fault && `${fault}, such as the one in \`...memoryStores()\` (\`procura/store/memory\`)`
}
