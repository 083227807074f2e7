/**
 * Loads code on first use, and keeps it: an `import()` takes 0.1 ms or more on Node, also when the code is loaded.
 *
 * @param load - an `import()`. After a failure, the next call repeats it.
 */
export function loadOnce<Code>(load: () => Promise<Code>): () => Promise<Code> {
  let loaded: Code | undefined
  return async () => {
    loaded ??= await load()
    return loaded
  }
}
