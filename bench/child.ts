/**
 * Runs one suite in a separate process, so that its memory and compiled code do not affect the next suite. `run.ts`
 * starts it, and gets the result as a message.
 *
 * @module
 */

import { expectPace } from './harness/calm.ts'
import type { SuiteOptions, SuiteResult } from './harness/suite.ts'
import { suites } from './suites/index.ts'

/** The message of `run.ts`. */
export interface Order {
  readonly name: string
  /** Microseconds of a verification on the undisturbed processor. Without it, no turn is repeated. */
  readonly pace?: number
  readonly options: Omit<SuiteOptions, 'peers'> & { readonly peers: readonly string[] }
}

/** The answer to `run.ts`. */
export interface Report {
  readonly result: SuiteResult
}

process.once('message', (order: Order) => {
  run(order).then(
    (report) => process.send?.(report, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

async function run({ name, pace, options }: Order): Promise<Report> {
  const entry = suites[name]
  if (entry === undefined) throw new Error(`there is no suite ${name}`)
  const { suite } = await entry.load()
  if (pace !== undefined) expectPace(pace)
  return { result: await suite.run({ ...options, peers: new Set(options.peers) }) }
}
