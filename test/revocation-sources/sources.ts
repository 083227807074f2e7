import type { RevocationNews, RevocationSource } from '../../src/revocation-sources/revocation-source.ts'

/** A source that a test operates: each reading gets what is sent after it began. */
export interface OperatedSource extends RevocationSource {
  /** The places after which it was read, in order. */
  readonly places: (string | undefined)[]
  /** Sends news to the present reading. */
  send(news: RevocationNews): void
  /** Ends the present reading, with an error if there is one. */
  end(error?: unknown): void
}

export function operatedSource(): OperatedSource {
  const places: (string | undefined)[] = []
  let waiting: (() => void) | undefined
  let queue: (RevocationNews | { readonly end: unknown })[] = []
  const wake = (): void => waiting?.()
  return {
    places,
    async *read({ after, signal }) {
      places.push(after)
      queue = []
      while (!signal.aborted) {
        const next = queue.shift()
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            waiting = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        } else if ('end' in next) {
          if (next.end !== undefined) throw next.end
          return
        } else yield next
      }
    },
    send(news) {
      queue.push(news)
      wake()
    },
    end(error) {
      queue.push({ end: error })
      wake()
    },
  }
}

const base = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** The CIDs of delegations that do not exist, up to 32,767. */
export function cidNumber(number: number): string {
  const letters = [number >> 10, number >> 5, number].map((bits) => base32[bits & 31]).join('')
  return `${base.slice(0, 30)}${letters}${base.slice(33)}`
}
