// node only: its users serve sockets
import type { Socket } from 'node:net'
import type { HelloError } from '../wire/hello.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { askProof, serverPlace } from './session-proof.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * Most sessions, because each can be a program; most of one agent that has proved its delegation; and how many begin at
 * once and then, because the start of each one is on record. GTW-72
 */
const most = Object.freeze({ all: 96, ofOne: 32, atOnce: 100, eachMs: 1_000 })

/**
 * Makes the places of the sessions.
 *
 * @param isOpenToAll - whether clients begin without a proof: over a socket, they are programs of one user.
 */
export function sessionLimiter(isOpenToAll: boolean): Limiter {
  const { all, ofOne, atOnce, eachMs } = most
  return createLimiter({ all, ofOne: isOpenToAll ? all : ofOne, rate: { atOnce, eachMs } })
}

/** Why a client has no session. */
export interface SessionRefusal {
  readonly fault: HelloError
  /** The agent, if it has proved its delegation. */
  readonly invoker?: string
}

/** A client with a place. */
export interface AdmittedSession {
  readonly leave: () => void
  /** Its DID, if it has proved its delegation. */
  readonly agent?: string
  /** Whether its delegation is still valid and not revoked. Undefined for a client that was asked for no proof. */
  readonly isHeld?: () => Promise<boolean>
}

/** Options of {@link admitSession}. */
export interface AdmitSessionOptions {
  readonly sessions: Limiter
  /** Whether each session begins with a proof. */
  readonly needsProof: boolean
  /** The fault of each new session when the gateway ends. */
  readonly ending: () => HelloError | undefined
  readonly current: () => Pick<Snapshot, 'audience' | 'config' | 'revocations'>
}

/**
 * Gives a client the place of a session with a server. It is asked for its proof where each session needs one.
 *
 * @returns the end of the place, with whether the agent still has the right that it has proved; or the refusal.
 */
export async function admitSession(
  socket: Socket,
  server: string,
  { sessions, needsProof, ending, current }: AdmitSessionOptions,
): Promise<AdmittedSession | SessionRefusal> {
  const proof = needsProof ? await askProof(socket, serverPlace(server), current) : undefined
  if (proof !== undefined && 'code' in proof) return { fault: proof }
  const closing = socket.destroyed ? left : ending()
  if (closing !== undefined) return { fault: closing }
  const place = sessions.take(proof?.firstAgent)
  if (typeof place !== 'string') {
    if (proof === undefined) return { leave: place }
    const { agent } = proof
    return { leave: place, agent, isHeld: async () => (await proof.holder()) === agent }
  }
  const fault: HelloError = { code: 'too_many', message: faults[place] }
  return { fault, ...(proof !== undefined && { invoker: proof.agent }) }
}

const left: HelloError = Object.freeze({ code: 'closing', message: 'the client has closed the connection' })

const faults = Object.freeze({
  full: `the gateway has ${most.all} sessions, which is the most; close some of them`,
  share: `this agent has its ${most.ofOne} sessions together with the agents below it; close some of them`,
  rate: `sessions begin too fast: ${most.atOnce} of an agent with the agents below it can begin at once, and then one in each second; begin them later`,
})
