/** Resolves when all bytes written so far are on the disk. */
export type GroupSync = () => Promise<void>

/**
 * Shares one sync among the callers that arrive while an earlier one runs: each waits for the first sync that starts
 * after its call. So a group of records costs one sync, and each confirmation is true.
 *
 * @param sync - waits until the bytes written before it are on the disk.
 */
export function groupSync(sync: () => Promise<void>): GroupSync {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  function start(): Promise<void> {
    const mine = sync().finally(() => {
      if (running === mine) running = undefined
    })
    running = mine
    return mine
  }

  return () => {
    if (running === undefined) return start()
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
}
