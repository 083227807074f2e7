// node only: its users serve sockets
import type { Socket } from 'node:net'
import { sleep } from '../support/back-off.ts'
import type { Generation } from './generation.ts'
import { type SessionPace, sessionRate } from './session-pace.ts'
import { mostSessions, type SessionPlaces } from './session-places.ts'
import type { HelloError } from './wire/hello.ts'
import { askProof, serverPlace } from './wire/session-proof.ts'

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
  readonly sessions: SessionPlaces
  readonly pace: SessionPace
  /** Whether each session begins with a proof. */
  readonly needsProof: boolean
  /** The fault of each new session when the gateway ends. */
  readonly ending: () => HelloError | undefined
  readonly current: () => Pick<Generation, 'audience' | 'config' | 'revocations'>
}

/**
 * Gives a client the place of a session with a server. It is asked for its proof where each session needs one, and
 * where the places or the pace of those without a proof are used up.
 *
 * @returns the end of the place, with whether the agent still has the right that it has proved; or the refusal.
 */
export async function admitSession(
  socket: Socket,
  server: string,
  { sessions, pace, needsProof, ending, current }: AdmitSessionOptions,
): Promise<AdmittedSession | SessionRefusal> {
  const isAsked = needsProof || !sessions.hasAnonymous() || !pace.hasAnonymous()
  const proof = isAsked ? await askProof(socket, serverPlace(server), current) : undefined
  if (proof !== undefined && 'code' in proof) return { fault: needsProof ? proof : beyondShare(proof) }
  const closing = ending()
  if (closing !== undefined) return { fault: closing }
  const by = proof === undefined ? {} : { invoker: proof.agent }
  const place = sessions.take(proof?.branch)
  if (typeof place !== 'function') return { fault: place, ...by }
  const waitMs = pace.take(proof?.branch)
  if (waitMs === undefined) {
    place()
    return { fault: tooFast, ...by }
  }
  if (waitMs > 0) await turn(socket, waitMs)
  const late = socket.destroyed ? left : ending()
  if (late === undefined)
    return { leave: place, ...(proof !== undefined && { isHeld: async () => (await proof.holder()) === proof.agent }) }
  place()
  return { fault: late }
}

/** Waits for the turn of a session. A client that leaves does not hold its place. */
async function turn(socket: Socket, waitMs: number): Promise<void> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  socket.once('close', leave)
  await sleep(waitMs, gone.signal)
  socket.off('close', leave)
}

const left: HelloError = Object.freeze({ code: 'closing', message: 'the client has closed the connection' })

const tooFast: HelloError = Object.freeze({
  code: 'too_many',
  message: `too many sessions have begun with this agent and the agents below it: ${sessionRate.atOnce} can begin at once, and then one in each second; begin them later`,
})

/** A client without a proof does not expect to be asked for one over a socket. */
function beyondShare({ message }: HelloError): HelloError {
  return {
    code: 'too_many',
    message: `the gateway has no session left for a client without a proof (${mostSessions.ofOne}, or as many as are free, of which ${sessionRate.atOnce} begin at once, and then one in each second), and this client has given none: ${message}`,
  }
}
