import type { GuardedCall } from '../../guard/call.ts'
import { startDeadline } from '../../support/deadline.ts'
import { objectValue } from '../../support/options.ts'
import type { ToolHost } from '../tool-gate.ts'
import type { UpstreamRequests } from './upstream-requests.ts'

/** A guarded request while it is decided and performed. */
export interface RelayedCall {
  readonly params: Readonly<Record<string, unknown>>
  /** Aborted when the client cancels the request, or the session ends. */
  readonly signal: AbortSignal
  /** Whether it was sent to the server. */
  sent: boolean
  /** Aborted when the guard waits no longer. */
  waiting: AbortSignal | undefined
}

/** MCP-26: sends an allowed call to the server, and resolves to its result; see `perform` of `relayTools`. */
export type PerformCall = (call: GuardedCall, send: (options?: unknown) => Promise<unknown>) => unknown

/** Milliseconds in which a server must list its tools. */
const listMs = 30_000

/** The server of a relay, as its gate uses it. */
export function relayedHost(requests: UpstreamRequests, perform: PerformCall): ToolHost<RelayedCall> {
  return {
    async call({ params }, relayed, call) {
      const { signal } = call
      relayed.waiting = signal
      const send = async (options?: unknown): Promise<unknown> => {
        if (relayed.sent) throw new Error('an allowed call is sent once')
        relayed.sent = true
        return requests.send({ method: 'tools/call', params, signal, options })
      }
      return readResult(await perform(call, send))
    },

    async list({ params }, { params: asked, signal }) {
      const deadline = startDeadline([signal], listMs)
      try {
        const meta = params?.['_meta'] ?? protocolFacts(asked['_meta'])
        const full = { ...params, ...(meta !== undefined && { _meta: meta }) }
        const list = { method: 'tools/list', params: full, signal: deadline.signal }
        return readResult(await requests.send(list))
      } finally {
        deadline.end()
      }
    },

    signalOf: ({ signal }) => signal,
  }
}

function readResult(result: unknown): unknown {
  if (objectValue(result) === undefined) return result
  throw new Error('the server answered without a result')
}

/** The facts of the client that each request has in the protocol version 2026-07-28, for a request of the relay. */
function protocolFacts(meta: unknown): object | undefined {
  const isFact = (name: string): boolean => /^io\.modelcontextprotocol\/(?:client|protocol)[A-Z]/.test(name)
  const facts = Object.entries(Object(meta)).filter(([name]) => isFact(name))
  return facts.length === 0 ? undefined : Object.fromEntries(facts)
}
