import { withinDeadline } from '../../support/deadline.ts'
import { quietly } from '../../support/quietly.ts'
import type { Respond } from './batch.ts'
import { CallEnded, type EndCode } from './failure.ts'
import { errorResponse, type RequestId, rpcCodes, type WireMessage } from './read-message.ts'
import type { OpenTransport } from './relay-transport.ts'
import { createUpstreamRequests, type UpstreamRequests } from './upstream-requests.ts'

/** Most requests of the server that are in progress. */
export const maxAsked = 1_000

/** Milliseconds in which aborted calls must be recorded, and their responses sent. */
const settleMs = 10_000

/** One session between a client and a server: its work in progress, and its end. */
export interface Session {
  /** The key of `_meta`. */
  readonly key: string
  /** Whether requests of a method pass unguarded. Undefined if all do. */
  readonly passes: ((method: string) => boolean) | undefined
  /** Requests of the client that the server answers, by their id. */
  readonly passing: Map<RequestId, Respond>
  /** Most requests of the client that are in progress, and most characters of the guarded ones. */
  readonly most: InProgress
  /** Characters of the guarded requests that are in progress. */
  characters: number
  /** Guarded requests of the client, by their id. */
  readonly guarded: Map<RequestId, AbortController>
  /** The ids of requests of the server that the client answers. */
  readonly asked: Set<RequestId>
  readonly requests: UpstreamRequests
  /** Never rejects: a client that takes no message has ended. */
  toClient(message: unknown): Promise<void>
  toServer(message: WireMessage, options?: unknown): Promise<void>
  /** Registers work that the end of the session waits for. */
  run(work: Promise<void>): void
  isEnding(): boolean
  /** Ends the session: aborts its calls, waits for them, and closes both transports. */
  end(code: Exclude<EndCode, 'cancelled'>): Promise<void>
  /** Refuses further requests, and resolves when nothing guarded is in progress, or after the given time. */
  drain(milliseconds: number): Promise<void>
  report(fault: unknown): void
}

/** A number of requests, and of their characters. */
export interface InProgress {
  readonly requests: number
  readonly characters: number
}

/** Options of {@link openSession}. */
export interface SessionOptions {
  readonly most: InProgress
  readonly key: string
  readonly passes: ((method: string) => boolean) | undefined
  readonly onError: ((error: unknown) => void) | undefined
}

/** Opens a session over two transports, which are not started here. */
export function openSession(
  { client, upstream }: { readonly client: OpenTransport; readonly upstream: OpenTransport },
  { key, most, passes, onError }: SessionOptions,
): Session {
  const passing: Session['passing'] = new Map()
  const guarded: Session['guarded'] = new Map()
  const running = new Set<Promise<void>>()
  let ending: Promise<void> | undefined
  let draining = false

  const report = (fault: unknown): void => void quietly(() => onError?.(fault))
  // A transport may throw before it returns a promise.
  const toServer = async (message: WireMessage, options?: unknown): Promise<void> => {
    await (options === undefined ? upstream.send(message) : upstream.send(message, options))
  }

  async function toClient(message: unknown): Promise<void> {
    try {
      await client.send(message)
    } catch (error) {
      report(error)
      void end('client_ended')
    }
  }

  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all(running)
  }
  const idleWithin = (milliseconds: number): Promise<void> =>
    withinDeadline(milliseconds, {}, idle).catch(() => undefined)

  function end(code: Exclude<EndCode, 'cancelled'>): Promise<void> {
    ending ??= close(code)
    return ending
  }

  async function close(code: Exclude<EndCode, 'cancelled'>): Promise<void> {
    // MCP-23: the calls answer the client while they end.
    for (const controller of [...guarded.values()]) controller.abort(new CallEnded(code))
    const open = [...passing]
    passing.clear()
    if (code !== 'client_ended') {
      const gone = (id: RequestId): WireMessage => errorResponse(id, rpcCodes.serverEnded, 'the server has ended')
      await Promise.all(open.map(([id, respond]) => respond(gone(id))))
    }
    // A client that takes no more messages would hold the session.
    await idleWithin(settleMs)
    for (const side of [client, upstream]) {
      try {
        await side.close()
      } catch (error) {
        report(error)
      }
    }
  }

  return {
    key,
    // Only `true` lets a request pass, and an error does not.
    passes: passes && ((method) => quietly(() => passes(method)) === true),
    ...{ passing, guarded, most, characters: 0 },
    asked: new Set(),
    requests: createUpstreamRequests(toServer),
    toClient,
    toServer,
    run(work) {
      const kept = work.catch(report).finally(() => running.delete(kept))
      running.add(kept)
    },
    isEnding: () => draining || ending !== undefined,
    end,
    drain(milliseconds) {
      draining = true
      return idleWithin(milliseconds)
    },
    report,
  }
}
