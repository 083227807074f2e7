// node only: connects to a socket
import { connect } from 'node:net'
import type { GatewayConnection } from '../connect/connection-file.ts'

/** Milliseconds for the gateway. The client waits for its hook. */
const reportMs = 500

/** A call that a hook has refused. */
export interface RefusedByHook {
  readonly server: string
  readonly tool: string
  /** The facts of the client about the call. */
  readonly claimed: Readonly<Record<string, string>>
}

/**
 * Tells the gateway about the refusal, for its log. A gateway that does not run, is slow or listens on TCP, where any
 * process could do this, learns nothing of it. HKS-06
 */
export function reportRefusal({ socket: path }: GatewayConnection, refusal: RefusedByHook): Promise<void> {
  if (path === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    const socket = connect(path, () => void socket.write(`${JSON.stringify({ procura: 1, refusal })}\n`))
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    }
    const timer = setTimeout(end, reportMs)
    socket.once('data', end).once('error', end).once('end', end)
  })
}
