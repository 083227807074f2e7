/** Waits until everything written so far is safe. */
export type GroupSync = () => Promise<void>

/**
 * Shares one sync among all who ask while an earlier one runs: each gets the first that began after it asked. So the
 * cost of a disk is paid once for a group of records, and nobody is told more than is true.
 *
 * @param sync - makes safe what was written before it is called.
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
