import type { Random } from './random.ts'
import { wait } from './virtual-time.ts'

/** How a dependency answers a call. */
export type Manner = 'at once' | 'soon' | 'late' | 'fails' | 'fails later' | 'hangs' | 'hangs until the signal'

/** Most dependencies answer; the others fail in all possible ways. */
export function mannerOf(random: Random, faultPercent: number): Manner {
  if (!random.percent(faultPercent)) return random.pick(['at once', 'soon', 'soon'])
  return random.pick(['late', 'fails', 'fails later', 'hangs', 'hangs until the signal'])
}

/** Answers in a manner. A hanging answer never settles, or settles only when the signal fires. */
export async function answer<T>(manner: Manner, random: Random, give: () => T, signal?: AbortSignal): Promise<T> {
  if (manner === 'soon') await wait(random.below(3))
  if (manner === 'late') await wait(20 + random.below(40))
  if (manner === 'fails later') await wait(random.below(10))
  if (manner === 'fails' || manner === 'fails later') throw new Error(`it ${manner}`)
  if (manner === 'hangs') return new Promise(() => undefined)
  if (manner === 'hangs until the signal') {
    return new Promise((_, reject) => {
      const give = (): void => reject(signal?.reason)
      if (signal?.aborted) give()
      else signal?.addEventListener('abort', give, { once: true })
    })
  }
  return give()
}
