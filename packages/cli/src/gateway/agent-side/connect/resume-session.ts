// node only: connects to a socket
import { withinDeadline } from '#support/deadline.ts'
import type { Message } from './answers.ts'
import { failedSession, type Session, type SharedParts } from './session.ts'

/** Milliseconds for the server to begin a session again: a program may have to be fetched. */
const beginMs = 30_000

/** Options of {@link resumeSession}. */
export interface ResumeSessionOptions extends Pick<SharedParts, 'seen' | 'write' | 'onFault'> {
  /** The request with which the client began its first session. */
  readonly initialize: Message
  /** Whether the client asks for the list of tools now. */
  readonly lists: boolean
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
}

/**
 * Begins a session in the place of the client, whose earlier one has ended with its connection. The client is told if
 * the list of tools is another one than it was shown. CON-29
 *
 * @param session - a new one.
 * @returns the session, or one with the fault.
 */
export async function resumeSession(session: Session, options: ResumeSessionOptions): Promise<Session> {
  const { initialize, lists, signal, seen, onFault } = options
  if (session.fault() !== undefined) return session
  const reason = (): Error =>
    new Error(`the server did not begin the session again within ${beginMs / 1_000} s; make the call again`)
  try {
    await withinDeadline(beginMs, { signals: [signal], reason }, () => session.begin(initialize))
  } catch (error) {
    await session.close()
    const message = (error as Error).message
    onFault(message)
    return failedSession({ code: 'gateway_unavailable', message })
  }
  if (!lists && seen.hasList()) void tellChange(session, options)
  return session
}

async function tellChange(session: Session, { seen, write }: ResumeSessionOptions): Promise<void> {
  const tools = await session.tools().catch(() => undefined)
  if (tools === undefined || !seen.differs(tools)) return
  await write(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }))
}
