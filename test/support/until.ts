import { onTestFinished } from 'vitest'

/** The timer of the platform, also while a test has fake ones. */
const { setTimeout: wait } = globalThis

/**
 * Waits until a condition holds, in turns of the event loop. The limit of the test ends a wait that is in vain: a loop
 * that went on would disturb the files after it, which run in the same process.
 *
 * @param everyMs - milliseconds between two looks.
 */
export async function until(condition: () => boolean | Promise<boolean>, everyMs = 1): Promise<void> {
  let isOver = false
  try {
    onTestFinished(() => {
      isOver = true
    })
  } catch {
    // In a hook, which has a limit of its own.
  }
  while (!(await condition())) {
    if (isOver) throw new Error('the test has ended while it waited')
    await new Promise((resolve) => wait(resolve, everyMs))
  }
}
