// node only: handles signals of the process
import { constants } from 'node:os'
import process from 'node:process'
import type { OptionCheck } from './options.ts'
import { quietly } from './quietly.ts'

/** The signals at which programs are asked to end. */
export const endingSignals: readonly string[] = Object.freeze(['SIGTERM', 'SIGINT'])

/** Of another name, `process` would be silent. */
export const signalName: OptionCheck = (value) =>
  typeof value === 'string' && Object.hasOwn(constants.signals, value) && value !== 'SIGKILL' && value !== 'SIGSTOP'
    ? undefined
    : "must be the name of a signal that a process can handle, such as 'SIGTERM'"

/** Something that ends at a signal. */
export interface EndsAtSignal {
  /** Ends it, and rejects with its error. */
  close(): Promise<void>
  /** Ends it as a signal does. The next signal does not end the process: it may be the request to do the same. */
  finish(): Promise<void>
}

/**
 * Ends something at the first signal. Then the signals have their usual effect, so a second one ends the process.
 * SVC-29
 *
 * @param end - an error of it sets the exit code, and is passed to `onError` or thrown out of the process.
 */
export function atSignal(
  names: readonly string[],
  end: () => Promise<void>,
  onError?: (error: unknown) => void,
): EndsAtSignal {
  // The caller may change its list.
  const signals = new Set(names)
  let ending: Promise<void> | undefined
  let finishing: Promise<void> | undefined
  function ignore(): void {
    for (const signal of signals) process.off(signal, onSignal)
  }
  function close(): Promise<void> {
    ending ??= end().finally(ignore)
    return ending
  }
  function finish(): Promise<void> {
    finishing ??= closeAndReport()
    return finishing
  }
  async function closeAndReport(): Promise<void> {
    try {
      await close()
    } catch (error) {
      process.exitCode = 1
      if (onError === undefined) throw error
      quietly(() => onError(error))
    } finally {
      // A channel to a parent process, as a worker of `node:cluster` has one, would keep the process alive. Without the
      // channel, such a worker would end at once, with the exit code 0, in the middle of the calls of another listener.
      process.channel?.unref()
    }
  }
  function onSignal(): void {
    ignore()
    void finish()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return { close, finish }
}
