// node only: watches a folder
import { watch } from 'node:fs'
import { startBackgroundTimer } from '#support/background-timer.ts'

/** Milliseconds after a change, so that several are taken together. */
const settleMs = 50

/** Milliseconds between two looks at the delegations. */
const lookMs = 1_000

/**
 * Looks again and again at the keys of the page: a delegation to one can expire, or be revoked. Returns a function that
 * ends the looks.
 */
export function followApprovers(look: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let timer = startBackgroundTimer(next, lookMs)
  let isOpen = true
  function next(): void {
    void look()
      .catch(onError)
      .finally(() => {
        if (isOpen) timer = startBackgroundTimer(next, lookMs)
      })
  }
  return () => {
    isOpen = false
    clearTimeout(timer)
  }
}

/** Calls back after a delegation to a key of the page was added or removed. Returns a function that ends the watch. */
export function watchEnrolments(folder: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(folder, { persistent: false }, (_, name) => {
    if (name === null || !/\.(?:page|ended)$/.test(name)) return
    clearTimeout(timer)
    timer = setTimeout(onChange, settleMs)
    timer.unref()
  })
  // An enrolment is then taken on SIGHUP.
  watcher.on('error', () => undefined)
  return () => {
    watcher.close()
    clearTimeout(timer)
  }
}
