// node only: its users serve sockets
import { sharedPlaces } from '../shared-places.ts'
import type { Standing } from './approval-desk.ts'

/**
 * Most conversations that wait for answers; most of one branch, which is an agent with those below it; and most of all
 * agents that are not known.
 */
const most = Object.freeze({ all: 32, ofOne: 8, ofStrangers: 16 })

/** The conversations that wait for answers. */
export interface Waits {
  /** Takes a place. Returns a function that ends it, to be called once; undefined if the agent cannot wait. */
  begin(standing: Standing): (() => void) | undefined
}

/** Makes the places. */
export function createWaits(): Waits {
  const places = sharedPlaces<string>(most)
  let strangers = 0
  return {
    begin({ branch, isKnown }) {
      if (!isKnown && strangers >= most.ofStrangers) return undefined
      const leave = places.take(branch)
      if (leave === undefined || isKnown) return leave
      strangers++
      return () => {
        strangers--
        leave()
      }
    },
  }
}
