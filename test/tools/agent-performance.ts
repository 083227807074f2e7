// node only: process.hrtime

/**
 * A clock for the program of agents. The global `performance` loads the module `perf_hooks`, for the time of which a
 * start would wait.
 *
 * @module
 */

/** Milliseconds that never go back. */
export const performance: Pick<Performance, 'now'> = {
  now() {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1e3 + nanoseconds / 1e6
  },
}
