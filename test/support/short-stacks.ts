// node only: changes a setting of V8

import { afterAll, beforeAll } from 'vitest'

/**
 * Limits the stacks of errors to one line in a file of tests that prints many errors. Each line names a function and a
 * file, and the test runner looks it up in a source map.
 */
export function withShortStacks(): void {
  const { stackTraceLimit } = Error
  beforeAll(() => {
    Error.stackTraceLimit = 1
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })
}
