/** A relay between a client and a server that a test plays itself. */
import { type MemoryAuditSink, memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { text } from '../../../src/core/capability/argument-types/basic.ts'
import { type CommandDefinition, defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import type { Delegation } from '../../../src/core/delegation/delegation.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../../src/guard/guard.ts'
import { type RelayToolsOptions, relayTools, type ToolRelay } from '../../../src/mcp/relay/relay-tools.ts'
import { actor, clock } from '../../support/actors.ts'
import { delegateRaw, call as invocationOf, service } from '../../support/service.ts'

export const key = 'xyz.ucan/container'
const alice: Signer = await actor('alice')
const bob: Signer = await actor('bob')
const send: CommandDefinition = defineCommand({ command: '/mail/send', args: { to: text() } })
const sending: Delegation = await delegateRaw(alice, bob, {
  command: '/mail/send',
  policy: [['like', '.to', '*@example.com']],
})

/** A message, loosely typed. */
// biome-ignore lint/suspicious/noExplicitAny: messages of tests are read by their fields
export type Loose = any

/** A transport whose other side is the test. */
export interface Side {
  readonly transport: {
    start(): Promise<void>
    send(message: unknown, options?: unknown): Promise<void>
    close(): Promise<void>
    onmessage?: (message: unknown) => unknown
    onclose?: () => void
    onerror?: (error: unknown) => void
  }
  /** The messages that the relay has sent. */
  readonly sent: Loose[]
  readonly options: unknown[]
  /** Sends a message to the relay. */
  deliver(message: unknown): unknown
  /** Resolves to the next message of the relay that fulfils a condition. */
  next(is?: (message: Loose) => boolean): Promise<Loose>
  isClosed(): boolean
}

/** Makes a side. */
export function side(onSend: (message: Loose) => unknown = () => undefined): Side {
  let closed = false
  const waiting: { is: (message: Loose) => boolean; resolve: (message: Loose) => void }[] = []
  let seen = 0
  const transport: Side['transport'] = {
    start: async () => undefined,
    async send(message, options) {
      // As on the wire.
      const copy = JSON.parse(JSON.stringify(message))
      await onSend(copy)
      made.sent.push(copy)
      made.options.push(options)
      const index = waiting.findIndex(({ is }) => is(copy))
      if (index >= 0) {
        seen = made.sent.length
        waiting.splice(index, 1)[0]?.resolve(copy)
      }
    },
    async close() {
      if (closed) return
      closed = true
      transport.onclose?.()
    },
  }
  const made: Side = {
    transport,
    sent: [],
    options: [],
    deliver: (message) => transport.onmessage?.(message),
    next(is = () => true) {
      const found = made.sent.findIndex((message, index) => index >= seen && is(message))
      if (found < 0) return new Promise((resolve) => waiting.push({ is, resolve }))
      seen = found + 1
      return Promise.resolve(made.sent[found])
    },
    isClosed: () => closed,
  }
  return made
}

/** A relay with both of its sides. */
export interface TestRelay {
  readonly client: Side
  readonly server: Side
  readonly relay: ToolRelay
  readonly sink: MemoryAuditSink
  readonly errors: Error[]
  /** The kinds, states and codes of the records. */
  records(): readonly string[]
}

/** Opens a relay. */
export async function openRelay(
  options: Partial<RelayToolsOptions> = {},
  sides: { readonly client?: Side; readonly server?: Side } = {},
): Promise<TestRelay> {
  const { client = side(), server = side() } = sides
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [send],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    receipts: service,
    audit: { sink },
    clock,
  })
  const errors: Error[] = []
  const relay = await relayTools({ client: client.transport, upstream: server.transport }, guard, {
    tools: { send },
    onError: (error) => void errors.push(error as Error),
    ...options,
  })
  const records = (): readonly string[] =>
    sink.records().map(({ event }) => [event.kind, Object(event).status, Object(event).code].filter(Boolean).join(' '))
  return { client, server, relay, sink, errors, records }
}

/** A signed call of the tool `send`. */
export async function callOf(id: unknown, to = 'carol@example.com', more: object = {}): Promise<Loose> {
  const args = { to }
  const invocation = await invocationOf({ issuer: bob, subject: alice.did, proofs: [sending], args })
  const _meta = { [key]: encodeContainer([invocation, sending]), progressToken: 7, ...more }
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'send', arguments: args, _meta } }
}

/** The result of a tool. */
export const said = (words: string): object => ({ content: [{ type: 'text', text: words }] })
