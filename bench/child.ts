/**
 * Runs one suite in a separate process, so that its memory and compiled code do not affect the next suite. `run.ts`
 * starts it, and gets the result as a message.
 *
 * @module
 */

import type { SuiteOptions, SuiteResult } from './harness/suite.ts'
import { suites } from './suites/index.ts'

/** The message of `run.ts`. */
export interface Order {
  readonly name: string
  readonly options: Omit<SuiteOptions, 'peers'> & { readonly peers: readonly string[] }
}

process.once('message', (order: Order) => {
  run(order).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

async function run({ name, options }: Order): Promise<SuiteResult> {
  const entry = suites[name]
  if (entry === undefined) throw new Error(`there is no suite ${name}`)
  const { suite } = await entry.load()
  return suite.run({ ...options, peers: new Set(options.peers) })
}
