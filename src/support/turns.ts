/**
 * Makes a function to be awaited in a loop whose steps can all be ready at once, such as one over the parts of a
 * stream. It lets timers and other connections run when so many milliseconds have passed since it did so last.
 */
export function createTurns(everyMs: number): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < everyMs) return undefined
    return new Promise((resolve) => {
      setTimeout(() => {
        last = performance.now()
        resolve()
      })
    })
  }
}
