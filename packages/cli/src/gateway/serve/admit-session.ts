// node only: its users serve sockets
import type { Socket } from 'node:net'
import type { HelloError } from '../wire/hello.ts'
import type { Generation } from './generation.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { askProof, serverPlace } from './session-proof.ts'

/**
 * Most sessions, because each can be a program; most of one agent, and of all clients without a proof together; and how
 * many begin at once and then, because the start of each one is on record. GTW-72
 */
const most = Object.freeze({ all: 96, ofOne: 32, atOnce: 100, eachMs: 1_000 })

/**
 * Makes the places of the sessions.
 *
 * @param isOpenToAll - whether clients without a proof can take all places.
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
  readonly current: () => Pick<Generation, 'audience' | 'config' | 'revocations'>
}

/**
 * Gives a client the place of a session with a server. It is asked for its proof where each session needs one, and
 * where the places of those without a proof are used up, or they begin too fast.
 *
 * @returns the end of the place, with whether the agent still has the right that it has proved; or the refusal.
 */
export async function admitSession(
  socket: Socket,
  server: string,
  { sessions, needsProof, ending, current }: AdmitSessionOptions,
): Promise<AdmittedSession | SessionRefusal> {
  const isAsked = needsProof || !sessions.has(undefined)
  const proof = isAsked ? await askProof(socket, serverPlace(server), current) : undefined
  if (proof !== undefined && 'code' in proof) return { fault: needsProof ? proof : beyondShare(proof) }
  const closing = socket.destroyed ? left : ending()
  if (closing !== undefined) return { fault: closing }
  const place = sessions.take(proof?.branch)
  if (typeof place !== 'string')
    return { leave: place, ...(proof !== undefined && { isHeld: async () => (await proof.holder()) === proof.agent }) }
  const fault: HelloError = { code: 'too_many', message: faults[place] }
  return { fault, ...(proof !== undefined && { invoker: proof.agent }) }
}

const left: HelloError = Object.freeze({ code: 'closing', message: 'the client has closed the connection' })

const faults = Object.freeze({
  full: `the gateway has ${most.all} sessions, which is the most; close some of them`,
  share: `this agent has its ${most.ofOne} sessions together with the agents below it; close some of them`,
  rate: `this agent begins sessions too fast, together with the agents below it: ${most.atOnce} can begin at once, and then one in each second; begin them later`,
})

/** A client without a proof does not expect to be asked for one over a socket. */
function beyondShare({ message }: HelloError): HelloError {
  return {
    code: 'too_many',
    message: `the gateway has no session left for a client without a proof (${most.ofOne}, of which ${most.atOnce} begin at once, and then one in each second), and this client has given none: ${message}`,
  }
}
