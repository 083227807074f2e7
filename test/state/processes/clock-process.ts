/**
 * A process that is a service with a clock of its own, for histories of several.
 *
 * @module
 */

import process from 'node:process'
import { clockService } from '../clock-history.ts'
import { openStores, type StoresPlace } from './place.ts'

/** A question to the process: the name of a method of its service, and the values. */
export interface ClockQuestion {
  readonly id: number
  readonly method: 'at' | 'send' | 'reserve' | 'commit' | 'prune'
  readonly values: readonly unknown[]
}

/** Its answer; the first one, when it is ready, has the id 0. */
export interface ClockAnswer {
  readonly id: number
  readonly answer?: unknown
  readonly fault?: string
}

const { place, tolerance } = JSON.parse(process.argv[2] ?? '') as {
  readonly place: StoresPlace
  readonly tolerance: number
}
const service = await clockService((clock) => openStores(place, clock), tolerance)
const tell = (answer: ClockAnswer): void => void process.send?.(answer)

process.on('message', async ({ id, method, values }: ClockQuestion) => {
  try {
    tell({ id, answer: await (service[method] as (...given: readonly unknown[]) => unknown)(...values) })
  } catch (cause) {
    tell({ id, fault: String(cause) })
  }
})
process.once('disconnect', () => process.exit())
tell({ id: 0 })
