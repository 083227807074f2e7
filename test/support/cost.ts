// node only: asks for processor time

/**
 * Measures the cost of a task as a multiple of a fixed piece of work, measured in turns with it. Such a limit holds on
 * fast, slow and shared machines.
 *
 * @module
 */

const bytes = new Uint8Array(1_000_000).map((_, index) => index)

/**
 * How many times as long as the yardstick, a pass over a million bytes (about a millisecond), a task takes.
 *
 * @param rounds - the fastest of so many counts, as the first rounds compile and others are disturbed.
 */
export function costOf(task: () => unknown, rounds = 5): number {
  let [best, yardstick] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < rounds; round++) {
    yardstick = Math.min(yardstick, timeOf(passOver))
    best = Math.min(best, timeOf(task))
  }
  return best / yardstick
}

/** Microseconds of processor time: what others do meanwhile does not count. */
function timeOf(task: () => unknown): number {
  const start = process.cpuUsage()
  task()
  const { user, system } = process.cpuUsage(start)
  return user + system
}

function passOver(): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index++) sum = (sum * 31 + (bytes[index] as number)) | 0
  return sum
}
