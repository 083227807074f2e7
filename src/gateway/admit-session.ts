// node only: its users serve sockets
import type { Socket } from 'node:net'
import type { Generation } from './generation.ts'
import { mostSessions, type SessionPlaces } from './session-places.ts'
import type { HelloError } from './wire/hello.ts'
import { askProof, serverPlace } from './wire/session-proof.ts'

/** Why a client has no session. */
export interface SessionRefusal {
  readonly fault: HelloError
  /** The agent, if it has proved its delegation. */
  readonly invoker?: string
}

/** Options of {@link admitSession}. */
export interface AdmitSessionOptions {
  readonly sessions: SessionPlaces
  /** Whether each session begins with a proof. */
  readonly needsProof: boolean
  /** The fault of each new session when the gateway ends. */
  readonly ending: () => HelloError | undefined
  readonly generation: Pick<Generation, 'audience' | 'config' | 'revocations'>
}

/**
 * Gives a client the place of a session with a server. It is asked for its proof where each session needs one, and where
 * the places of those without a proof are taken.
 *
 * @returns the end of the place, or the refusal.
 */
export async function admitSession(
  socket: Socket,
  server: string,
  { sessions, needsProof, ending, generation }: AdmitSessionOptions,
): Promise<{ readonly leave: () => void } | SessionRefusal> {
  const isAsked = needsProof || !sessions.hasAnonymous()
  const proof = isAsked ? await askProof(socket, serverPlace(server), generation) : undefined
  if (proof !== undefined && 'code' in proof) return { fault: needsProof ? proof : beyondShare(proof) }
  const closing = ending()
  if (closing !== undefined) return { fault: closing }
  const place = sessions.take(proof?.branch)
  if (typeof place === 'function') return { leave: place }
  return { fault: place, ...(proof !== undefined && { invoker: proof.agent }) }
}

/** A client without a proof does not expect to be asked for one over a socket. */
function beyondShare({ message }: HelloError): HelloError {
  return {
    code: 'too_many',
    message: `the gateway has no session left for a client without a proof (${mostSessions.ofOne}, or as many as are free), and this client has given none: ${message}`,
  }
}
