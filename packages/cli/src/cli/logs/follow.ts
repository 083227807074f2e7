// node only: listens to signals
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Host } from '../host.ts'

/** Milliseconds between two looks at a log that is followed. */
const pauseMs = 1_000

/** The looks at a log that is followed. */
export interface Following {
  /** Aborted by SIGINT, SIGTERM, or the signal of the host. */
  readonly ending: AbortSignal
  /** Waits for the next look. Returns early at the end. */
  pause(): Promise<void>
  /** Listens to no signals any more. */
  end(): void
}

/** Follows a log until SIGINT or SIGTERM, which are an end in order. */
export function follow(host: Pick<Host, 'signal'>): Following {
  const controller = new AbortController()
  const end = (): void => controller.abort()
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, end)
  host.signal?.addEventListener('abort', end, { once: true })
  if (host.signal?.aborted === true) end()
  return {
    ending: controller.signal,
    pause: () => wait(pauseMs, undefined, { signal: controller.signal }).catch(() => undefined),
    end() {
      for (const signal of signals) process.off(signal, end)
      host.signal?.removeEventListener('abort', end)
    },
  }
}
