import type { RevocationJournal } from '../../core/revocation/revocation-journal.ts'
import { startBackgroundTimer } from '../../support/background-timer.ts'

/** A place in a journal. */
export interface Place {
  readonly journal: string
  readonly sequence: number
}

/** Watches the end of a journal, for all its readers together. */
export interface HeadWatch {
  /** Resolves when the journal no longer ends at this place, after `milliseconds`, or when the signal is aborted. */
  change(place: Place, milliseconds: number, signal: AbortSignal): Promise<void>
  /** Looks at once. */
  look(): void
}

interface Waiting {
  readonly place: Place
  readonly go: () => void
}

/**
 * Makes a watch that looks every `pollMs` milliseconds while somebody waits.
 *
 * @param onError - receives the error of a journal that does not answer. The waiting readers receive it when they read.
 */
export function headWatch(journal: RevocationJournal, pollMs: number, onError: (error: unknown) => void): HeadWatch {
  const waiting = new Set<Waiting>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking = false
  let again = false

  function schedule(): void {
    if (timer === undefined && waiting.size > 0) timer = startBackgroundTimer(() => void look(), pollMs)
  }

  async function look(): Promise<void> {
    again = looking
    if (looking) return
    clearTimeout(timer)
    timer = undefined
    looking = true
    try {
      const { journal: name, head } = await journal.listRevocations({ after: 0, limit: 0 })
      for (const { place, go } of [...waiting]) if (place.journal !== name || place.sequence !== head) go()
    } catch (error) {
      onError(error)
    }
    looking = false
    if (again) void look()
    else schedule()
  }

  return {
    change: (place, milliseconds, signal) =>
      new Promise((resolve) => {
        const end = startBackgroundTimer(done, milliseconds)
        const one = { place, go: done }
        function done(): void {
          clearTimeout(end)
          waiting.delete(one)
          signal.removeEventListener('abort', done)
          resolve()
        }
        waiting.add(one)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
        schedule()
      }),
    look: () => void look(),
  }
}
