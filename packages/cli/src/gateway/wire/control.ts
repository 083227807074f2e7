// node only: its users open sockets
/**
 * The requests of the owner of a gateway to the gateway that runs, and its answers.
 *
 * @module
 */
import { dirname, join } from 'node:path'

/** A request of the owner. */
export type ControlRequest = 'status' | 'reload' | 'tools' | 'stop' | 'revoked'

/** All of them. */
export const controlRequests: readonly ControlRequest[] = Object.freeze([
  ...(['status', 'reload', 'tools', 'stop', 'revoked'] as const),
])

/** Most CIDs and DIDs of one question about revocations. */
export const mostAsked = 128

/** A server of a running gateway. */
export interface RunningServer {
  readonly name: string
  readonly type: string
  /** The number of its tools that can be called. */
  readonly tools: number
  /** The number of tools that wait until somebody accepts them. */
  readonly waiting: number
  /** Why its tools could not be listed. */
  readonly fault?: string
}

/** The servers and APIs of a running gateway. */
export interface RunningParts {
  readonly servers: readonly RunningServer[]
  readonly apis: readonly { readonly name: string; readonly origin: string }[]
}

/** The state of a running gateway. */
export interface RunningStatus extends RunningParts {
  /** The number of its process. */
  readonly process: number
  /** When it began to listen, in seconds since the epoch. */
  readonly started: number
  /** The socket or the address. */
  readonly place: string
  readonly audience: string
  readonly admin?: string
  readonly approvalPage?: string
  readonly dryRun: boolean
  /** The open sessions, with the DID of the agent where it has proved its delegation. */
  readonly sessions: readonly { readonly server: string; readonly agent?: string }[]
  /** Calls of agents in progress. */
  readonly calls: number
  readonly healthy: boolean
  /** Why it is not healthy: words and names. */
  readonly reasons: readonly string[]
}

/** The socket of the owner, beside the configuration of the gateway. */
export function controlPlace(configPath: string): string {
  return join(dirname(configPath), 'control.sock')
}
