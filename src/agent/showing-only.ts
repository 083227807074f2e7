/**
 * Makes an object whose only visible property is `did`. Its methods are not enumerable, so its JSON, its inspection and
 * its clones contain the DID alone. AGT-10
 */
export function showingOnly<T extends { readonly did: string }>(whole: T): T {
  const shown = { did: whole.did }
  for (const [name, value] of Object.entries(whole)) {
    if (name !== 'did') Object.defineProperty(shown, name, { value })
  }
  return Object.freeze(shown) as T
}
