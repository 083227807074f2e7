import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach } from 'vitest'

// An unhandled rejection or exception would end the process of a user: it fails the running test.
const listening = globalThis as { unhandledErrors?: unknown[] }
// this file runs once for each file of tests, and many of these share a process
if (listening.unhandledErrors === undefined) {
  const errors: unknown[] = []
  listening.unhandledErrors = errors
  process.on('unhandledRejection', (reason) => errors.push(reason))
  process.on('uncaughtException', (error) => errors.push(error))
  // So does a warning of a memory leak, which users read in their logs.
  process.on('warning', (warning) => {
    if (warning.name === 'MaxListenersExceededWarning') errors.push(warning)
  })
}
const unhandled = listening.unhandledErrors

/** Rejections are reported when the microtasks are done, exceptions of timers after their turn. */
async function expectNoneUnhandled(): Promise<void> {
  await setImmediate()
  const found = unhandled.splice(0)
  if (found.length === 0) return
  const [first] = found
  const what = first instanceof Error ? `${first.name}: ${first.message}` : String(first)
  throw new Error(`nobody handled ${found.length} error(s); the first is ${what}`, { cause: first })
}

afterEach(expectNoneUnhandled)
afterAll(expectNoneUnhandled)
