// node only: streams
import type { Readable, Writable } from 'node:stream'
import type { Clock } from 'procura'
import type { FileKey } from 'procura/vault/file'
import {
  abortSignal,
  callback,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  withMethod,
} from '#support/options.ts'

/** Options of {@link connectToGateway}. */
export interface ConnectToGatewayOptions {
  /** The name of the server in the configuration of the gateway. */
  readonly server: string
  /** The folder of the agent, with `connect.json`. */
  readonly agent: string
  /** The messages of the client. */
  readonly input: Readable
  /** Receives the messages for the client, and nothing else. */
  readonly output: Writable
  /** The key of an encrypted key file. Default: `unlock` of `connect.json`, or it is not encrypted. */
  readonly key?: FileKey
  /** The key of encrypted delegations. Default: `unlock` of `connect.json`, or they are not encrypted. */
  readonly delegationsKey?: FileKey
  /**
   * Seconds for which a call waits for its approval when the client cannot ask for it, at most 3,600. Default 0: the
   * call is refused with the ID of the request, and the same call takes the answer later.
   */
  readonly approvalWait?: number
  /** Receives a line about each fault of the gateway, for the log of the client. Default: none. */
  readonly onFault?: (message: string) => void
  /** Ends the connection. */
  readonly signal?: AbortSignal | undefined
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The checks of {@link ConnectToGatewayOptions}. */
export const connectChecks: OptionChecks<ConnectToGatewayOptions> = Object.freeze({
  server: nonEmptyString,
  agent: nonEmptyString,
  input: withMethod('read'),
  output: withMethod('write'),
  key: maybe(objectValue),
  delegationsKey: maybe(objectValue),
  approvalWait: maybe(integerFrom(0, 3_600)),
  onFault: maybe(callback),
  signal: abortSignal,
  clock: maybe(withMethod('now')),
})

/** Writes a line for the client. It does not throw: a client that is gone ends the connection. */
export type Write = (line: string) => Promise<void>
