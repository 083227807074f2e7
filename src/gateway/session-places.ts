// node only: its users serve sockets
import { sharedPlaces } from './shared-places.ts'
import type { HelloError } from './wire/hello.ts'

/** Most sessions, because each can be a program; and most of one agent, and of all clients without a proof together. */
export const mostSessions: { readonly all: number; readonly ofOne: number } = Object.freeze({ all: 96, ofOne: 32 })

/** The places of the sessions of a gateway. */
export interface SessionPlaces {
  /** Whether a session can begin without a proof. */
  hasAnonymous(): boolean
  /**
   * Takes a place.
   *
   * @param branch - the agent to which an owner has delegated, which shares its places with the agents below it.
   *   Undefined for a client that has not proved one.
   * @returns a function that ends the place, to be called once; or the reason for a refusal.
   */
  take(branch: string | undefined): (() => void) | HelloError
}

/**
 * Makes the places. One agent cannot take those of the others: it has its share, and the clients without a proof have
 * one together.
 *
 * @param isOpenToAll - whether clients without a proof can take all places.
 */
export function sessionPlaces(isOpenToAll: boolean): SessionPlaces {
  const places = sharedPlaces<string | undefined>(mostSessions, (branch) => isOpenToAll && branch === undefined)
  return {
    hasAnonymous: () => places.has(undefined),
    take: (branch) => places.take(branch) ?? (places.isFull() ? full : fullShare),
  }
}

const fullShare: HelloError = Object.freeze({
  code: 'too_many',
  message: `this agent has its share of the ${mostSessions.all} sessions together with the agents below it: ${mostSessions.ofOne}, or as many as are free; close some of them`,
})

const full: HelloError = Object.freeze({
  code: 'too_many',
  message: `the gateway has ${mostSessions.all} sessions, which is the most; close some of them`,
})
