// node only: uses types of files that read keys

import type { Clock } from 'procura'
import type { FileKey } from 'procura/vault/file'
import {
  callback,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  withMethod,
} from '#support/options.ts'

/** Options of {@link listenForApi}. */
export interface ListenForApiOptions {
  /** The name of the API in the configuration of the gateway. */
  readonly api: string
  /** The folder of the agent, with `connect.json`. */
  readonly agent: string
  /** The place at which clients connect: a loopback address such as `127.0.0.1:8080`, or the path of a Unix socket. */
  readonly listen: string
  /** The key of an encrypted key file. Default: `unlock` of `connect.json`, or it is not encrypted. */
  readonly key?: FileKey
  /** The key of encrypted delegations. Default: `unlock` of `connect.json`, or they are not encrypted. */
  readonly delegationsKey?: FileKey
  /**
   * The key that each request at a loopback address contains, of 43 characters of base64url, for a key that ends with
   * the listener. Default: of `local.key` in the folder of the agent, which stays. CON-42
   */
  readonly clientKey?: string
  /**
   * Seconds for which a refused request waits for its approval, at most 3,600. Default 0: it is refused with the ID of
   * the request for an approval, and the same request takes the answer later.
   */
  readonly approvalWait?: number
  /** Receives a line about each fault of the gateway. Default: none. */
  readonly onFault?: (message: string) => void
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The checks of {@link ListenForApiOptions}. */
export const listenChecks: OptionChecks<ListenForApiOptions> = Object.freeze({
  api: nonEmptyString,
  agent: nonEmptyString,
  listen: nonEmptyString,
  key: maybe(objectValue),
  delegationsKey: maybe(objectValue),
  clientKey: maybe(nonEmptyString),
  approvalWait: maybe(integerFrom(0, 3_600)),
  onFault: maybe(callback),
  clock: maybe(withMethod('now')),
})

/** A place at which clients of an API connect. */
export interface ApiListener {
  /** The socket, or the address with the port that is used. */
  readonly place: string
  /** The file with the key that each request contains; undefined for a socket, and with `clientKey`. */
  readonly keyFile: string | undefined
  /** Ends all connections. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
