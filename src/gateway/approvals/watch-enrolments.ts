// node only: watches a folder
import { watch } from 'node:fs'

/** Milliseconds after a change, so that several are taken together. */
const settleMs = 50

/** Calls back after a delegation to a key of the page was added or removed. Returns a function that ends the watch. */
export function watchEnrolments(folder: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(folder, { persistent: false }, (_, name) => {
    if (name?.endsWith('.page') !== true) return
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
