// node only: its users serve sockets
import type { HelloError } from './wire/hello.ts'

/** Most sessions, because each can be a program; most of one agent; and most without a proof. */
export const mostSessions: { readonly all: number; readonly ofAgent: number; readonly withoutProof: number } =
  Object.freeze({ all: 96, ofAgent: 32, withoutProof: 32 })

/** The places of the sessions of a gateway. */
export interface SessionPlaces {
  /** Whether a session can begin without a proof. */
  hasAnonymous(): boolean
  /**
   * Takes a place.
   *
   * @param branch - the agent to which an owner has delegated, which shares its places with the agents below it. Undefined
   *   for a client that has not proved one.
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
  const { all, ofAgent, withoutProof } = mostSessions
  const taken = new Map<string | undefined, number>()
  let count = 0
  const of = (branch: string | undefined): number => taken.get(branch) ?? 0
  const hasAnonymous = (): boolean => isOpenToAll || of(undefined) < withoutProof
  return {
    hasAnonymous,
    take(branch) {
      if (branch === undefined ? !hasAnonymous() : of(branch) >= ofAgent) return fullShare
      if (count >= all) return full
      count++
      taken.set(branch, of(branch) + 1)
      return () => {
        count--
        if (of(branch) > 1) taken.set(branch, of(branch) - 1)
        else taken.delete(branch)
      }
    },
  }
}

const fullShare: HelloError = Object.freeze({
  code: 'too_many',
  message: `this agent has ${mostSessions.ofAgent} sessions together with the agents below it, which is the most; close some of them`,
})

const full: HelloError = Object.freeze({
  code: 'too_many',
  message: `the gateway has ${mostSessions.all} sessions, which is the most; close some of them`,
})
